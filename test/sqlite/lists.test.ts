import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { acceptedAt, type EventId } from '../../src/domain/ids.ts';
import { eventCursor } from '../../src/store/cursor.ts';
import { LookReads } from '../../src/store/sqlite/look-reads.ts';
import type { Page, PageRequest, TimeRange } from '../../src/store/store.ts';
import { EVENTS, filledFile } from './filled-file.ts';
import { deliveryFilters, EVENT_FILTERS, TO } from './look-filters.ts';

const ACCOUNTS = [1, 2];

let filled: Awaited<ReturnType<typeof filledFile>>;
let database: Database.Database;
let look: LookReads;

before(async () => {
  filled = await filledFile();
  database = new Database(filled.file, { readonly: true });
  look = new LookReads(database);
});
after(async () => {
  database.close();
  await filled[Symbol.asyncDispose]();
});

interface Row {
  readonly account_id: number;
  readonly id: string;
  readonly webhook_id: number;
  readonly status: string;
  readonly lead: string | null;
  readonly campaign_id: number;
  readonly client_id: number | null;
  readonly type: string;
}

/** What there is, read without an index's help and without the code under test. */
function walk(sql: string): (Row & { readonly eventId: EventId })[] {
  const rows = database.prepare<[], Row>(sql).all();
  return rows.map((row) => ({ ...row, eventId: `evt_${row.id}` }));
}

function inRange(eventId: EventId, { from, to }: TimeRange): boolean {
  const time = acceptedAt(eventId);
  return (from === undefined || time >= from) && (to === undefined || time < to);
}

function pages<Item>(read: (page: PageRequest) => Page<Item>): Item[] {
  const found: Item[] = [];
  for (let cursor: string | null = null; ;) {
    const page: Page<Item> = read({ limit: 37, cursor });
    found.push(...page.items);
    cursor = page.nextCursor;
    if (cursor === null) return found;
  }
}

describe('a list of events', () => {
  it('holds what a walk over all of them finds, page after page, whatever is asked', () => {
    const all = walk('SELECT *, lower(hex(id)) AS id FROM event ORDER BY event.id DESC');
    assert.equal(all.length, EVENTS * ACCOUNTS.length);
    for (const accountId of ACCOUNTS) {
      for (const filter of EVENT_FILTERS) {
        const { leadEmail, campaignId, clientId, type } = filter;
        const wanted = all.filter(
          (event) =>
            event.account_id === accountId &&
            (leadEmail === undefined || event.lead === leadEmail.toLowerCase()) &&
            (campaignId === undefined || event.campaign_id === campaignId) &&
            (clientId === undefined || event.client_id === clientId) &&
            (type === undefined || event.type === type) &&
            inRange(event.eventId, filter),
        );
        const found = pages((page) => look.events(accountId, filter, page));
        assert.deepEqual(
          found.map(({ id }) => id),
          wanted.map(({ eventId }) => eventId),
          JSON.stringify(filter),
        );
      }
    }
  });

  it('ends at the lower one of `to` and the cursor', () => {
    const [last] = look.events(1, { to: TO }, { limit: 1, cursor: null }).items;
    assert.ok(last);
    const time = acceptedAt(last.id);
    const cursor = eventCursor(last.id);
    for (const to of [time - 30_000, time, time + 30_000]) {
      const [next] = look.events(1, { to }, { limit: 1, cursor }).items;
      assert.ok(next);
      assert.equal(acceptedAt(next.id), Math.min(to, time) - 1_000);
    }
  });
});

describe('a list of deliveries', () => {
  it('holds what a walk over all of them finds, page after page, whatever is asked', () => {
    const all = walk(`
      SELECT account_id, lower(hex(event_id)) AS id, webhook_id, 'pending' AS status FROM queue
      UNION ALL SELECT account_id, lower(hex(event_id)), webhook_id, status FROM delivery
      ORDER BY 2 DESC, 3 DESC`);
    assert.equal(new Set(all.map(({ status }) => status)).size, 4, 'every status is there');
    const [event] = all.filter(({ account_id }) => account_id === 1).slice(50);
    assert.ok(event);
    const filters = deliveryFilters(event.eventId);
    for (const accountId of ACCOUNTS) {
      for (const filter of filters) {
        const { webhookId, eventId, status } = filter;
        const wanted = all.filter(
          (delivery) =>
            delivery.account_id === accountId &&
            (webhookId === undefined || delivery.webhook_id === webhookId) &&
            (eventId === undefined || delivery.eventId === eventId) &&
            (status === undefined || delivery.status === status) &&
            inRange(delivery.eventId, filter),
        );
        const found = pages((page) => look.deliveries(accountId, filter, page));
        assert.deepEqual(
          found.map((delivery) => `${delivery.eventId} ${delivery.webhookId} ${delivery.status}`),
          wanted.map((row) => `${row.eventId} ${row.webhook_id} ${row.status}`),
          `account ${accountId}: ${JSON.stringify(filter)}`,
        );
      }
    }
  });
});
