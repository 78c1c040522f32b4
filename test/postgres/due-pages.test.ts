import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { eventIdMaker } from '../../src/domain/ids.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { DuePages } from '../../src/store/postgres/due-pages.ts';
import { SessionPool } from '../../src/store/postgres/session-pool.ts';
import { testDatabases, type TestDatabase } from './test-databases.ts';
import { TestNode } from './test-node.ts';

const NOW = Date.now();
const MINUTE = 60_000;

/** As if every read of what is due took too long: reads then begin below where the last one began. */
describe('reads of what is due that take long', () => {
  let database: TestDatabase;
  let node: TestNode;
  let pool: SessionPool;
  let reads: DuePages;
  let accountId: number;
  let webhook: Webhook;

  before(async () => {
    database = await (await testDatabases()).fresh();
    node = await TestNode.start('node', database.url);
    pool = new SessionPool(database.url);
  });
  beforeEach(async () => {
    reads = new DuePages(pool, 0);
    accountId = await node.store.createAccount('An account');
    webhook = await node.webhook(accountId);
  });
  after(async () => {
    await pool.close();
    await node[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  const accept = async (at: number): Promise<number> => {
    await node.accept(accountId, [webhook], { id: eventIdMaker(() => at)() });
    return at;
  };

  /** The due times that are shown, and when to look again. */
  const read = async (now: number, limit = 10): Promise<[number[], number | null]> => {
    const { deliveries, nextDueAt } = await reads.due(webhook.id, now, limit);
    return [deliveries.map(({ nextAttemptAt }) => nextAttemptAt), nextDueAt];
  };

  it('show what came since, also what was stored a little late', async () => {
    const first = await accept(NOW - 1_000);
    assert.deepEqual(await read(NOW), [[first], null]);
    const [late, next] = [await accept(NOW - MINUTE), await accept(NOW)];
    assert.deepEqual((await read(NOW))[0], [late, first, next]);
  });

  it('look at everything again soon, for what was stored very late', async () => {
    const first = await accept(NOW);
    await read(NOW);
    const late = await accept(NOW - 10 * MINUTE);
    const [shown, again] = await read(NOW + 1);
    assert.deepEqual(shown, [first]);
    assert.ok(again !== null && again <= NOW + 10_000, 'its caller comes back, whatever is due');
    assert.deepEqual((await read(again))[0], [late, first]);
  });

  it('come back for more as before', async () => {
    for (let i = 0; i < 5; i += 1) await accept(NOW + i);
    assert.deepEqual(await read(NOW + 10, 2), [[NOW, NOW + 1], NOW + 2]);
    assert.deepEqual(await read(NOW + 10, 2), [[NOW, NOW + 1], NOW + 2]);
    const [shown, again] = await read(NOW + 2, 10);
    assert.deepEqual([shown, again], [[NOW, NOW + 1, NOW + 2], NOW + 3]);
  });

  it('of a webhook that has nothing say so, and find what comes', async () => {
    assert.deepEqual(await read(NOW), [[], null]);
    const first = await accept(NOW + 1);
    assert.deepEqual((await read(NOW + 1))[0], [first]);
  });
});
