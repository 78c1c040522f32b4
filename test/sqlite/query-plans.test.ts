import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { deliveryCursor, eventCursor, type Position } from '../../src/store/cursor.ts';
import { DispatchReads } from '../../src/store/sqlite/dispatch-reads.ts';
import {
  deliveriesQueries,
  eventsQuery,
  webhooksQuery,
  type Query,
} from '../../src/store/sqlite/look-queries.ts';
import { ExplainReads, WEBHOOKS_THEN } from '../../src/store/sqlite/explain-reads.ts';
import { HealthReads } from '../../src/store/sqlite/health-reads.ts';
import { LookReads } from '../../src/store/sqlite/look-reads.ts';
import { RedoReads } from '../../src/store/sqlite/redo-reads.ts';
import { RedoWrites } from '../../src/store/sqlite/redo-writes.ts';
import { Announcing } from '../../src/store/sqlite/announcing.ts';
import { Retention } from '../../src/store/sqlite/retention.ts';
import { WebhookRows } from '../../src/store/sqlite/webhook-rows.ts';
import { Vault } from '../../src/store/vault.ts';
import type { DeliveryFilter, EventFilter } from '../../src/store/store.ts';
import { filledFile, FIRST_EVENT_AT } from './filled-file.ts';
import { deliveryFilters, EVENT_FILTERS, TO, WEBHOOK_FILTERS } from './look-filters.ts';

const ACCOUNT = 1;

let filled: Awaited<ReturnType<typeof filledFile>>;
/** The connection of the code under test, with every statement that it prepares. */
let database: Database.Database;
const prepared = new Set<string>();
let planner: Database.Database;
/** A place in the middle of the lists. */
let middle: Position;

before(async () => {
  filled = await filledFile();
  planner = new Database(filled.file, { readonly: true });
  database = new Database(filled.file);
  const prepare = database.prepare.bind(database);
  database.prepare = (sql: string) => {
    prepared.add(sql);
    return prepare(sql);
  };
  const page = { limit: 1, cursor: null };
  const [found] = new LookReads(database).deliveries(ACCOUNT, { to: TO - 50_000 }, page).items;
  assert.ok(found);
  middle = found;
});
after(async () => {
  database.close();
  planner.close();
  await filled[Symbol.asyncDispose]();
});

function plan({ sql, values }: Query): string[] {
  const explain = planner.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`);
  return explain.all(...values).map(({ detail }) => detail);
}

/** One for each parameter, named ones as an object. */
function noValues(sql: string): unknown[] {
  const names = Array.from(sql.matchAll(/@(\w+)/g), ([, name]) => [name, null]);
  const named = names.length > 0 ? [Object.fromEntries(names)] : [];
  return [...named, ...Array.from(sql.matchAll(/\?/g), () => null)];
}

function label(filter: object, cursor: unknown): string {
  return JSON.stringify(filter) + (cursor === null ? '' : ' after a page');
}

describe('a list of events', () => {
  it('is found by the index of its first filter, whatever else is asked', () => {
    for (const filter of EVENT_FILTERS) {
      for (const after of [null, middle]) {
        const from = filter.from === undefined ? '' : ' AND id>?';
        const end = filter.to === undefined && after === null ? '' : ' AND id<?';
        assert.deepEqual(
          plan(eventsQuery(ACCOUNT, filter, after, 51)),
          [`SEARCH event USING INDEX ${wayToEvents(filter)}${from}${end})`],
          label(filter, after),
        );
      }
    }
  });
});

function wayToEvents({ leadEmail, campaignId, clientId, type }: EventFilter): string {
  if (leadEmail !== undefined) return 'event_by_lead (account_id=? AND lead=?';
  if (campaignId !== undefined) return 'event_by_campaign (account_id=? AND campaign_id=?';
  if (clientId !== undefined) return 'event_by_client (account_id=? AND client_id=?';
  if (type !== undefined) return 'event_by_type (account_id=? AND type=?';
  return 'sqlite_autoindex_event_1 (account_id=?';
}

describe('a list of deliveries', () => {
  it('is found by the event, the webhook or the failed status, whatever else is asked', () => {
    for (const filter of deliveryFilters(middle.eventId)) {
      for (const after of [null, middle]) {
        for (const query of deliveriesQueries(ACCOUNT, filter, after, 51)) {
          const [way, ...beside] = plan(query);
          const table = /FROM (\w+)/.exec(query.sql)?.[1] ?? '';
          const where = `${table}, ${label(filter, after)}`;
          assert.match(way ?? '', wayToDeliveries(table, filter, after), where);
          const own = ['SCALAR SUBQUERY 1', 'SEARCH webhook USING INTEGER PRIMARY KEY (rowid=?)'];
          assert.deepEqual(beside, filter.webhookId === undefined ? [] : own, where);
        }
      }
    }
  });
});

/** With both bounds of the range, so that no row outside of it is looked at. */
function wayToDeliveries(table: string, filter: DeliveryFilter, after: Position | null): RegExp {
  const way = (index: string, columns: string): RegExp => {
    const lower = filter.from === undefined ? '' : ' AND event_id>?';
    const range = (columns + lower).replaceAll('?', String.raw`\?`);
    const upper = String.raw` AND (event_id<\?|\(event_id,webhook_id\)<\(\?,\?\))`;
    const ends = filter.to !== undefined || after !== null;
    return new RegExp(
      String.raw`^SEARCH ${table} USING ${index} \(${range}${ends ? upper : ''}\)$`,
    );
  };
  const { eventId, webhookId, status } = filter;
  if (eventId !== undefined) {
    return new RegExp(`^SEARCH ${table} USING (PRIMARY KEY|INDEX queue_by_account) .*event_id=`);
  }
  if (table === 'queue') {
    return webhookId === undefined
      ? way('INDEX queue_by_account', 'account_id=?')
      : way('PRIMARY KEY', 'webhook_id=?');
  }
  if (webhookId !== undefined) {
    return way('INDEX delivery_by_webhook', 'webhook_id=? AND status=?');
  }
  return status === 'exhausted' || status === 'canceled'
    ? way('INDEX delivery_failed', 'account_id=? AND status=?')
    : way('PRIMARY KEY', 'account_id=?');
}

describe('a list of webhooks', () => {
  it('is found by its target or status, and what is shown of each by its key', () => {
    for (const filter of WEBHOOK_FILTERS) {
      for (const before of [null, 3]) {
        const by =
          filter.targetId !== undefined
            ? 'webhook_by_target (account_id=? AND association=? AND target_id=?'
            : filter.status !== undefined
              ? 'webhook_by_status (account_id=? AND status=?'
              : 'webhook_by_account (account_id=?';
        assert.deepEqual(
          plan(webhooksQuery(ACCOUNT, filter, before, 51)),
          [
            `SEARCH w USING INDEX ${by}${before === null ? '' : ' AND id<?'})`,
            'SEARCH v USING PRIMARY KEY (webhook_id=? AND version=?)',
            'SEARCH h USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN',
          ],
          label(filter, before),
        );
      }
    }
  });
});

describe('the webhooks of then', () => {
  it('are found by the account, and by their keys what each was and whether it has a delivery', () => {
    const key = Buffer.alloc(16);
    const values = [key, ACCOUNT, key, 3, ACCOUNT, 3, 51];
    assert.deepEqual(
      plan({ sql: WEBHOOKS_THEN, values }).filter((step) => !step.includes('SUBQUERY')),
      [
        'SEARCH w USING INDEX webhook_by_account (account_id=? AND id<?)',
        'SEARCH n USING PRIMARY KEY (webhook_id=? AND version=?)',
        'SEARCH v USING PRIMARY KEY (webhook_id=? AND version=?) LEFT-JOIN',
        'SEARCH webhook_version USING PRIMARY KEY (webhook_id=? AND version<?)',
        'SEARCH queue USING PRIMARY KEY (webhook_id=? AND event_id=?)',
        'SEARCH delivery USING PRIMARY KEY (account_id=? AND event_id=? AND webhook_id=?)',
      ],
    );
  });
});

describe('the reads and retention', () => {
  /**
   * Walked because all of it is meant: accounts, announcements, stopped and failing webhooks, unfinished
   * redos, a list that is given.
   */
  const meant =
    /^SCAN (account|announcement|(webhook|redo) USING INDEX (webhook_stopped|redo_unfinished)|h USING INDEX webhook_failing|lane|json_each .*|CONSTANT ROW|\(subquery-\d+\))$/;
  /** The writer's: a caller's own event id, and webhooks similar to one that is made. */
  const notForReading = ['event_by_caller_id', 'webhook_similar'];

  it('walk no table whole, sort nothing, and use every index', () => {
    readAll();
    assert.ok(prepared.size > 100, 'the statements were seen');
    const used: string[] = [];
    for (const sql of prepared) {
      const steps = plan({ sql, values: noValues(sql) });
      used.push(...steps);
      for (const step of steps) {
        assert.doesNotMatch(step, /TEMP B-TREE/, sql);
        if (step.startsWith('SCAN')) assert.match(step, meant, sql);
      }
    }
    const unused = planner
      .prepare<[], string>(`SELECT name FROM sqlite_schema WHERE type = 'index' AND sql <> ''`)
      .pluck()
      .all()
      .filter((name) => !used.some((step) => step.includes(name)));
    assert.deepEqual(unused.toSorted(), notForReading);
  });
});

function redoAll(): void {
  const writes = new RedoWrites(database, new WebhookRows(database, new Vault()));
  const reads = new RedoReads(database);
  const range = { accountId: ACCOUNT, from: FIRST_EVENT_AT, to: TO };
  for (const webhookId of [1, 2, 3]) {
    const backfill = { ...range, webhookId, kind: 'backfill', statuses: [] } as const;
    const replay = { ...range, webhookId, kind: 'replay', statuses: ['exhausted'] } as const;
    for (const asked of [backfill, replay]) {
      reads.countRedo({ ...asked, id: null }, null, 5);
      const created = writes.createRedo(asked);
      assert.equal(created?.kind, 'created');
      writes.startRedo(created.redo.id, 1);
      writes.stepRedo(created.redo);
      reads.redo(ACCOUNT, created.redo.id);
    }
    reads.unfinishedRedos([webhookId]);
  }
  writes.retryDelivery(ACCOUNT, middle);
}

function readAll(): void {
  redoAll();
  const dispatch = new DispatchReads(database);
  dispatch.account(ACCOUNT);
  dispatch.accountVersions([ACCOUNT]);
  dispatch.pendingWebhooks([0]);
  dispatch.webhooksToCancel();
  dispatch.due(1, Date.now(), 5);
  dispatch.retried(1, [middle.eventId]);
  dispatch.dueInOrder(1, Date.now(), 5, { exceptKeys: [], after: 'a' });
  const look = new LookReads(database);
  look.accounts();
  look.apiKey('hash');
  look.webhook(ACCOUNT, 1);
  look.campaign(ACCOUNT, 1);
  look.delivery(ACCOUNT, middle);
  for (const cursor of [null, eventCursor(middle.eventId)]) {
    for (const filter of EVENT_FILTERS) look.events(ACCOUNT, filter, { limit: 5, cursor });
  }
  for (const cursor of [null, deliveryCursor(middle)]) {
    const page = { limit: 5, cursor };
    for (const filter of deliveryFilters(middle.eventId)) look.deliveries(ACCOUNT, filter, page);
  }
  for (const filter of WEBHOOK_FILTERS) look.webhooks(ACCOUNT, filter, { limit: 5, cursor: null });
  const health = new HealthReads(database);
  health.failing([1, 2]);
  health.announcements(0, 10);
  new ExplainReads(database).webhooksThen(ACCOUNT, middle.eventId, { limit: 5, cursor: null });
  database.transaction(() =>
    new Retention(database, new Announcing(database)).expire(FIRST_EVENT_AT + 1, 10),
  )();
}
