import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { eventIdMaker, type EventId } from '../../src/domain/ids.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import type { RetentionStep } from '../../src/store/store.ts';
import { delivered, retryAt } from '../contract/examples.ts';
import { testDatabases, withClient, type TestDatabase } from './test-databases.ts';
import { TestNode } from './test-node.ts';
import { untilSomeoneWaits } from './waiting.ts';

const DAY_MS = 86_400_000;
const TODAY = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const LATER = 1_900_000_000_000;

/** An id as it was made so many days ago. */
function idFrom(daysAgo: number): EventId {
  return eventIdMaker(() => TODAY - daysAgo * DAY_MS + 1_000)();
}

const nameOf = (table: string, daysAgo: number): string => {
  const date = new Date(TODAY - daysAgo * DAY_MS).toISOString().slice(0, 10);
  return `${table}_p${date.replaceAll('-', '')}`;
};

describe('the partitions of a day', () => {
  let database: TestDatabase;
  let node: TestNode;
  let other: TestNode;
  let id: number;
  let webhook: Webhook;

  before(async () => {
    database = await (await testDatabases()).fresh();
    node = await TestNode.start('node', database.url);
    other = await TestNode.start('other', database.url);
    await node.claim();
  });
  beforeEach(async () => {
    id = await node.store.createAccount('An account');
    webhook = await node.webhook(id);
  });
  after(async () => {
    await node[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  const partitions = (table = 'event'): Promise<string[]> =>
    withClient(database.url, async (client) => {
      const { rows } = await client.query<{ name: string }>(
        `SELECT inhrelid::regclass::text AS name FROM pg_inherits
         WHERE inhparent = $1::regclass ORDER BY 1`,
        [table],
      );
      return rows.map(({ name }) => name);
    });

  async function expireAll(before: number, limit = 100): Promise<RetentionStep[]> {
    const steps: RetentionStep[] = [];
    do {
      assert.ok(steps.length < 50, 'it does not come to the end');
      steps.push(await node.store.expire(before, limit));
    } while (steps.at(-1)?.more);
    return steps;
  }

  it('are there for today and the next days before anything is stored', async () => {
    const wanted = [0, -1, -2].map((daysAgo) => nameOf('event', daysAgo));
    const found = await partitions();
    assert.deepEqual(
      wanted.filter((name) => !found.includes(name)),
      [],
    );
  });

  it('are made by the first event of another day, however far away, and hold all that hangs on it', async () => {
    for (const daysAgo of [40, -40, 20_000, -365_000]) {
      const event = await node.accept(id, [webhook], {
        id: idFrom(daysAgo),
        callerEventId: `${daysAgo}`,
      });
      assert.deepEqual(
        await node.commit({ records: [node.recordOf(event, webhook, delivered())] }),
        {
          records: ['recorded'],
          accepts: [],
          disabled: [],
        },
      );
      const found = await node.store.delivery(id, { eventId: event.id, webhookId: webhook.id });
      assert.deepEqual([found?.status, found?.attempts.length], ['succeeded', 1]);
      for (const table of ['event', 'delivery', 'attempt']) {
        assert.ok((await partitions(table)).includes(nameOf(table, daysAgo)));
      }
    }
  });

  it('are made once where two nodes need them at once', async () => {
    const ids = Array.from({ length: 8 }, (_, i) => idFrom(60 + Math.floor(i / 2)));
    const accepts = await Promise.all(
      ids.map(async (eventId, i) => {
        const by = i % 2 === 0 ? node : other;
        return by.accept(id, [webhook], { id: eventId });
      }),
    );
    assert.equal(accepts.length, 8);
  });

  it('have the indexes and the checks of the table, ready to be used', async () => {
    await withClient(database.url, async (client) => {
      for (const table of ['event', 'delivery', 'attempt']) {
        const of = async (relation: string) => {
          const indexes = await client.query<{ valid: boolean }>(
            'SELECT indisvalid AS valid FROM pg_index WHERE indrelid = $1::regclass',
            [relation],
          );
          const checks = await client.query(
            `SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c'`,
            [relation],
          );
          return { valid: indexes.rows.map(({ valid }) => valid), checks: checks.rows.length };
        };
        const parent = await of(table);
        assert.ok(parent.valid.length > 0);
        assert.ok(!parent.valid.includes(false), `every partition of ${table} has every index`);
        assert.deepEqual(await of(nameOf(table, 0)), parent);
      }
    });
  });

  it('are made without waiting for whoever reads, and without holding up who writes', async () => {
    await withClient(database.url, async (client) => {
      await client.query('BEGIN');
      await client.query('SELECT 1 FROM event, delivery, attempt, queue LIMIT 1');
      await node.accept(id, [webhook], { id: idFrom(80) });
      assert.ok((await partitions()).includes(nameOf('event', 80)));
      await client.query('ROLLBACK');
    });
  });

  it('go as a whole when the day has grown old, with what hangs on it elsewhere', async () => {
    await expireAll(TODAY);
    const events = [];
    for (const callerEventId of ['a', 'b', 'c']) {
      events.push(await node.accept(id, [webhook], { id: idFrom(3), callerEventId }));
    }
    const kept = await node.accept(id, [webhook], { id: idFrom(2), callerEventId: 'd' });
    const [ended, retried] = events;
    assert.ok(ended && retried);
    await node.commit({
      records: [
        node.recordOf(ended, webhook, delivered()),
        node.recordOf(retried, webhook, retryAt(LATER)),
      ],
    });
    const steps = await expireAll(TODAY - 2 * DAY_MS, 1);
    assert.deepEqual(
      steps.reduce((sum, step) => sum + step.events, 0),
      3,
    );
    assert.deepEqual(
      steps.reduce((sum, step) => sum + step.exhausted, 0),
      2,
    );
    for (const table of ['event', 'delivery', 'attempt']) {
      assert.ok(!(await partitions(table)).includes(nameOf(table, 3)));
    }
    assert.deepEqual((await node.store.events(id, {}, { limit: 10, cursor: null })).items, [kept]);
    assert.equal((await node.store.due(webhook.id, LATER, 10)).deliveries.length, 1);
    await withClient(database.url, async (client) => {
      const { rows } = await client.query(
        'SELECT caller_event_id FROM event_key WHERE account_id = $1',
        [id],
      );
      assert.deepEqual(rows, [{ caller_event_id: 'd' }]);
    });
    const gone = await node.commit({ records: [node.recordOf(retried, webhook, delivered(2))] });
    assert.deepEqual(gone.records, ['gone']);
  });

  it('stay as long as the day has not passed as a whole', async () => {
    await expireAll(TODAY);
    const event = await node.accept(id, [webhook], { id: idFrom(1) });
    await expireAll(TODAY - 1);
    assert.deepEqual((await node.store.events(id, {}, { limit: 10, cursor: null })).items, [event]);
    await expireAll(TODAY);
    assert.deepEqual((await node.store.events(id, {}, { limit: 10, cursor: null })).items, []);
  });

  it('are made again where another node has dropped them', async () => {
    await node.accept(id, [webhook], { id: idFrom(5) });
    await other.accept(id, [webhook], { id: idFrom(5) });
    await expireAll(TODAY);
    for (const by of [other, node]) await by.accept(id, [webhook], { id: idFrom(5) });
    assert.ok((await partitions()).includes(nameOf('event', 5)));
  });

  it('wait for whoever has read them, while everybody else goes on', async () => {
    await expireAll(TODAY);
    await node.accept(id, [], { id: idFrom(4) });
    await withClient(database.url, async (client) => {
      await client.query('BEGIN');
      await client.query('SELECT count(*) FROM event');
      const nothing = { events: 0, exhausted: 0, more: false };
      const expiring = node.store.expire(TODAY, 100);
      await untilSomeoneWaits(database.url);
      // Behind the one that waits for its lock: a short while.
      await other.accept(id, [webhook]);
      assert.deepEqual(await expiring, nothing, 'it is left for the next round');
      await other.accept(id, [webhook]);
      assert.ok((await partitions()).includes(nameOf('event', 4)));
      await client.query('COMMIT');
    });
    const steps = await expireAll(TODAY);
    assert.equal(steps.at(-1)?.events, 1);
    assert.ok(!(await partitions()).includes(nameOf('event', 4)));
  });

  it('go once where two nodes want them gone at once', async () => {
    await expireAll(TODAY);
    for (let i = 0; i < 3; i += 1) await node.accept(id, [], { id: idFrom(7) });
    const steps = await Promise.all([
      node.store.expire(TODAY, 100),
      other.store.expire(TODAY, 100),
      node.store.expire(TODAY, 100),
    ]);
    const events = steps.map((step) => step.events).toSorted((a, b) => a - b);
    assert.deepEqual(events, [0, 0, 3]);
  });
});
