import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import pg from 'pg';
import { NO_CAMPAIGN } from '../../src/domain/event.ts';
import { acceptedAt, firstEventIdAt } from '../../src/domain/ids.ts';
import type { DeliveryFilter, DuePage, EventFilter, WebhookFilter } from '../../src/store/store.ts';
import { clientConfig } from '../../src/store/postgres/connection.ts';
import { openSession, type Session } from '../../src/store/postgres/session.ts';
import { anEvent, answered410, aWebhook, delivered, givenUp } from '../contract/examples.ts';
import { assertWalksIndexes, explained, tablesOf } from './explained.ts';
import { DAYS, fill, STATISTICS, TODAY } from './filled-database.ts';
import { testDatabases, withClient, type TestDatabase } from './test-databases.ts';
import { TestNode } from './test-node.ts';

const DAY_MS = 86_400_000;
const ACCOUNT = 1;
/** A page of the lists: what a statement reads is held against it. */
const LIMIT = 20;

/** So small that walking them costs nothing: a few nodes, an hour of changes, PostgreSQL's own. */
const TINY = new Set(['node', 'change_marker', 'pg_class', 'pg_inherits']);

/**
 * Every statement of the adapter on tables with something in them: it walks along an index, and reads
 * about as much as it gives.
 */
for (const statistics of STATISTICS) {
  describe(`the plans of statements, with statistics of ${statistics}`, () => {
    let database: TestDatabase;
    let node: TestNode;
    let explaining: Session;

    before(async () => {
      database = await (await testDatabases()).fresh();
      node = await TestNode.start('node', database.url);
      await fill(database.url, statistics);
      await node.claim();
      explaining = await openSession(new pg.Client(clientConfig(database.url, 'work')), 'work');
    });
    after(async () => {
      await explaining.close();
      await node[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    });

    async function walksIndexes(
      what: string,
      call: () => Promise<unknown>,
      mayRead: number,
    ): Promise<void> {
      for (const { statement, nodes } of await explained(explaining, call)) {
        assertWalksIndexes({ statement: `${what}: ${statement}`, nodes }, TINY, mayRead);
      }
    }

    /** The partitions that a call reads from. */
    async function partitionsOf(call: () => Promise<unknown>): Promise<string[]> {
      const tables = (await explained(explaining, call)).flatMap(tablesOf);
      return [...new Set(tables)].filter((table) => /_p\d{8}$/.test(table));
    }

    const middle = firstEventIdAt(TODAY - 2 * DAY_MS + 1_000);
    const range = { from: TODAY - 3 * DAY_MS, to: TODAY - 2 * DAY_MS };

    const EVENT_FILTERS: readonly EventFilter[] = [
      {},
      { type: 'SENT' },
      { campaignId: 3 },
      { campaignId: 999_999 },
      { clientId: 2 },
      { leadEmail: 'L7@x.y' },
      { leadEmail: 'nobody@x.y' },
      range,
      { ...range, type: 'SENT' },
      { ...range, leadEmail: 'l7@x.y' },
      { to: range.from, campaignId: 3 },
    ];

    it('of lists of events, first page and next', async () => {
      const { store } = node;
      for (const filter of EVENT_FILTERS) {
        const list = (cursor: string | null) => () =>
          store.events(ACCOUNT, filter, { limit: LIMIT, cursor });
        const what = `events ${JSON.stringify(filter)}`;
        await walksIndexes(what, list(null), LIMIT + 1);
        const { nextCursor } = await list(null)();
        if (nextCursor) await walksIndexes(`${what}, next`, list(nextCursor), LIMIT + 1);
      }
    });

    const DELIVERY_FILTERS: readonly DeliveryFilter[] = [
      {},
      { status: 'pending' },
      { status: 'succeeded' },
      { status: 'exhausted' },
      { status: 'canceled' },
      { webhookId: 1 },
      { webhookId: 1, status: 'succeeded' },
      { webhookId: 1, status: 'exhausted' },
      { webhookId: 1, status: 'pending' },
      // Another account's, with many deliveries: none of them is looked at.
      { webhookId: 2 },
      { eventId: middle },
      { eventId: middle, webhookId: 1 },
      range,
      { ...range, webhookId: 1 },
      { ...range, status: 'exhausted' },
    ];

    it('of lists of deliveries, first page and next', async () => {
      const { store } = node;
      for (const filter of DELIVERY_FILTERS) {
        const list = (cursor: string | null) => () =>
          store.deliveries(ACCOUNT, filter, { limit: LIMIT, cursor });
        const what = `deliveries ${JSON.stringify(filter)}`;
        // Four parts, each with its look-up of the webhook; and some that have not succeeded between.
        const mayRead = 4 * (LIMIT + 2) + LIMIT;
        await walksIndexes(what, list(null), mayRead);
        const { nextCursor } = await list(null)();
        if (nextCursor) await walksIndexes(`${what}, next`, list(nextCursor), mayRead);
      }
    });

    it('of ranges of time open no other partitions', async () => {
      const day = new Date(range.from).toISOString().slice(0, 10).replaceAll('-', '');
      const page = { limit: LIMIT, cursor: null };
      const { store } = node;
      assert.deepEqual(await partitionsOf(() => store.events(ACCOUNT, range, page)), [
        `event_p${day}`,
      ]);
      assert.deepEqual(await partitionsOf(() => store.deliveries(ACCOUNT, range, page)), [
        `delivery_p${day}`,
      ]);
      const key = { eventId: firstEventIdAt(range.from), webhookId: 1 };
      assert.deepEqual((await partitionsOf(() => store.delivery(ACCOUNT, key))).toSorted(), [
        `attempt_p${day}`,
        `delivery_p${day}`,
        `event_p${day}`,
      ]);
    });

    it('of lists of webhooks', async () => {
      const filters: readonly WebhookFilter[] = [
        {},
        { status: 'active' },
        { status: 'deleted' },
        { association: 3, targetId: 5 },
      ];
      for (const filter of filters) {
        await walksIndexes(
          `webhooks ${JSON.stringify(filter)}`,
          () => node.store.webhooks(ACCOUNT, filter, { limit: LIMIT, cursor: null }),
          3 * (LIMIT + 1),
        );
      }
    });

    it('of the webhooks of then, first page and next, in the partition of their event', async () => {
      const { store } = node;
      const [event] = (await store.events(ACCOUNT, range, { limit: 1, cursor: null })).items;
      assert.ok(event);
      // An event with many deliveries, which are no reason to read more.
      await withClient(database.url, (client) =>
        client.query(
          `INSERT INTO delivery (account_id, event_id, webhook_id, webhook_version, status,
             attempt_count, created_at, ended_at)
           SELECT $1, $2, n, 1, 'succeeded', 1, 0, 0 FROM generate_series(3001, 3300) n`,
          [ACCOUNT, event.id.slice(4)],
        ),
      );
      const page = (cursor: string | null) => () =>
        store.webhooksThen(ACCOUNT, event.id, { limit: LIMIT, cursor });
      // Of each webhook its row, its newest version, the one of then, and a delivery.
      const mayRead = 4 * (LIMIT + 1) + 2;
      await walksIndexes('webhooksThen', page(null), mayRead);
      const found = await page(null)();
      assert.ok(found?.webhooks.nextCursor, 'there is a next page');
      await walksIndexes('webhooksThen, next', page(found.webhooks.nextCursor), mayRead);
      const day = new Date(acceptedAt(event.id)).toISOString().slice(0, 10).replaceAll('-', '');
      assert.deepEqual(
        new Set(await partitionsOf(page(null))),
        new Set([`event_p${day}`, `delivery_p${day}`]),
      );
    });

    it('of one thing', async () => {
      const { store } = node;
      const calls: Record<string, () => Promise<unknown>> = {
        webhook: () => store.webhook(ACCOUNT, 1),
        event: () => store.event(ACCOUNT, middle),
        delivery: () => store.delivery(ACCOUNT, { eventId: middle, webhookId: 1 }),
        campaign: () => store.campaign(ACCOUNT, 3),
        apiKey: () => store.apiKey('a'.repeat(64)),
        accountVersions: () => store.accountVersions([1, 2, 3]),
      };
      for (const [verb, call] of Object.entries(calls)) await walksIndexes(verb, call, 5);
    });

    it('of dispatching', async () => {
      const { store } = node;
      const webhooks = 40;
      await walksIndexes('account', () => store.account(ACCOUNT), 3 * webhooks);
      await walksIndexes('due', () => store.due(1, Date.now(), LIMIT), LIMIT + 4);
      // 20 leads with 4 events each; what is held back behind the first ones is read for those without.
      const [leads, all] = [20, 80];
      await withClient(database.url, (client) =>
        client.query(
          `UPDATE queue q SET ordering_key = e.key, place = e.place FROM (
             SELECT event_id, 'l' || row_number() OVER (ORDER BY event_id) % $2 AS key,
               row_number() OVER (ORDER BY event_id) AS place FROM queue WHERE webhook_id = $1
           ) AS e WHERE q.webhook_id = $1 AND q.event_id = e.event_id`,
          [2, leads],
        ),
      );
      for (const after of [null, 'l3']) {
        const page = (): Promise<DuePage> =>
          store.dueInOrder(2, Date.now(), 5, { exceptKeys: ['l1', 'l2'], after });
        assert.equal((await page()).deliveries.length, 5);
        await walksIndexes('dueInOrder', page, all + leads);
      }
      await walksIndexes('pendingWebhooks', () => store.pendingWebhooks([1, 2, 3]), 100);
      await walksIndexes('webhooksToCancel', () => store.webhooksToCancel(), 10);
      await walksIndexes('failing', () => store.failing([1, 2, 3]), 4 * webhooks);
      await walksIndexes('announcements', () => store.announcements(0, LIMIT), LIMIT + 1);
      await walksIndexes('renew', () => store.renew(60_000), 200);
      await walksIndexes('claimShards', () => store.claimShards([1, 2, 3]), 20);
    });

    it('of changes', async () => {
      const { store } = node;
      const target = { association: 3, targetId: 3 } as const;
      const given = aWebhook(ACCOUNT, target);
      await walksIndexes('createWebhook', () => store.createWebhook(given, false), 20);
      const again = (): Promise<unknown> => store.createWebhook({ ...given, name: 'x' }, false);
      await walksIndexes('createWebhook, similar', again, 20);
      const made = await node.webhook(ACCOUNT);
      await walksIndexes('updateWebhook', () => store.updateWebhook(ACCOUNT, made.id, {}), 10);
      await walksIndexes('deleteWebhook', () => store.deleteWebhook(ACCOUNT, made.id), 10);
      const fields = { name: null, clientId: 5, status: null };
      await walksIndexes('declareCampaign', () => store.declareCampaign(ACCOUNT, 3, fields), 10);
      await store.deleteWebhook(ACCOUNT, 1);
      await walksIndexes('cancelPending', () => store.cancelPending(1, LIMIT), 2 * LIMIT + 10);
      await walksIndexes(
        'expire',
        () => store.expire(TODAY - DAYS * DAY_MS + DAY_MS, LIMIT),
        3 * LIMIT + 60,
      );
    });

    it('of redos', async () => {
      const { store } = node;
      const range = { accountId: ACCOUNT, from: TODAY - DAYS * DAY_MS, to: Date.now() };
      const webhooks = [
        {},
        { association: 2, targetId: 2 },
        { association: 3, targetId: 3 },
      ] as const;
      for (const scope of webhooks) {
        const { id: webhookId } = await node.webhook(ACCOUNT, scope);
        const asked = { ...range, webhookId, kind: 'backfill', statuses: [] } as const;
        const count = (): Promise<unknown> =>
          store.countRedo({ ...asked, id: null }, middle, LIMIT);
        // Of each event its row and a look at the two tables of deliveries.
        await walksIndexes('countRedo, backfill', count, 3 * LIMIT + 5);
        const created = await store.createRedo(asked);
        assert.equal(created?.kind, 'created');
        await store.startRedo(created.redo.id, 1);
        const step = (): Promise<unknown> => store.stepRedo(created.redo);
        // Its step looks at 1,000 events, and makes deliveries of 100.
        await walksIndexes('stepRedo, backfill', step, 3_500);
      }
      const statuses = ['succeeded', 'exhausted', 'canceled'] as const;
      const asked = { ...range, webhookId: 2, accountId: 2, kind: 'replay', statuses } as const;
      const count = (): Promise<unknown> => store.countRedo({ ...asked, id: null }, middle, LIMIT);
      await walksIndexes('countRedo, replay', count, 4 * LIMIT);
      let id = 0;
      const create = async (): Promise<void> => {
        const created = await store.createRedo(asked);
        assert.equal(created?.kind, 'created');
        id = created.redo.id;
      };
      await walksIndexes('createRedo', create, 10);
      await walksIndexes('startRedo', () => store.startRedo(id, 1), 5);
      await walksIndexes(
        'stepRedo, replay',
        () => store.stepRedo({ id, webhookId: 2 }, 5),
        10 * LIMIT,
      );
      await walksIndexes('unfinishedRedos', () => store.unfinishedRedos([1, 2, 3]), 20);
      await walksIndexes('redo', () => store.redo(2, id), 5);
      const [ended] = (
        await store.deliveries(2, { status: 'succeeded' }, { limit: 1, cursor: null })
      ).items;
      assert.ok(ended);
      await walksIndexes('retryDelivery', () => store.retryDelivery(2, ended), 20);
      const retried = (): Promise<unknown> => store.retried(ended.webhookId, [ended.eventId]);
      await walksIndexes('retried', retried, 20);
    });

    it('of commits', async () => {
      const webhook = await node.webhook(ACCOUNT);
      const entries = await Promise.all(
        Array.from({ length: LIMIT }, (_, i) =>
          node.entry(ACCOUNT, [webhook], { callerEventId: `key ${i}` }),
        ),
      );
      await walksIndexes('accept', () => node.commit({ accepts: entries }), 5 * LIMIT);
      const again = entries.map(({ event, ...rest }) => ({
        ...rest,
        event: { ...event, id: firstEventIdAt(Date.now()) },
      }));
      await walksIndexes('accept duplicates', () => node.commit({ accepts: again }), 6 * LIMIT);
      const records = entries.map(({ event }) => node.recordOf(event, webhook, delivered()));
      await walksIndexes('record', () => node.commit({ records }), 4 * LIMIT);
      await walksIndexes('record what is gone', () => node.commit({ records }), 4 * LIMIT);
      const event = await node.accept(ACCOUNT, [webhook]);
      const disabling = [node.recordOf(event, webhook, answered410())];
      await walksIndexes('record 410', () => node.commit({ records: disabling }), 20);
    });

    it('of what is given up on, and announced', async () => {
      const { store } = node;
      const webhook = await node.webhook(ACCOUNT);
      const given = await Promise.all(
        Array.from({ length: LIMIT }, () => node.entry(ACCOUNT, [webhook])),
      );
      await node.commit({ accepts: given });
      const mark = { disableReason: 'Too long.', announce: 'WEBHOOK_FAILING' } as const;
      const records = given.map(({ event }) => ({
        ...node.recordOf(event, webhook, givenUp()),
        mark,
      }));
      await walksIndexes(
        'record what is exhausted',
        () => node.commit({ records }),
        6 * LIMIT + 20,
      );
      const url = 'https://example.com/moved';
      await walksIndexes('reset', () => store.updateWebhook(ACCOUNT, webhook.id, { url }), 20);
      const watcher = await node.webhook(ACCOUNT);
      const announcements = (await store.announcements(0, LIMIT)).map(({ id }) => id);
      assert.equal(announcements.length, LIMIT);
      const { accountVersion, deliveries } = await node.entry(ACCOUNT, [watcher]);
      const announced = announcements.map((announcementId) => {
        const event = anEvent(ACCOUNT, { type: 'DELIVERY_EXHAUSTED', campaignId: NO_CAMPAIGN });
        return { announcementId, accept: { event, deliveries } };
      });
      const announce = (): Promise<boolean> => store.announce(ACCOUNT, accountVersion, announced);
      await walksIndexes('announce', announce, 4 * LIMIT);
      assert.equal(await announce(), true);
    });
  });
}
