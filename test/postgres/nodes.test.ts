import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { ClusterView } from '../../src/domain/shard.ts';
import { testDatabases, withClient, type TestDatabase } from './test-databases.ts';
import { TestNode } from './test-node.ts';
import { untilSomeoneWaits } from './waiting.ts';

const TTL_MS = 60_000;

describe('nodes of a cluster', () => {
  let database: TestDatabase;
  let a: TestNode;
  let b: TestNode;

  before(async () => {
    database = await (await testDatabases()).fresh();
    a = await TestNode.start('a', database.url);
    b = await TestNode.start('b', database.url);
  });
  after(async () => {
    await a[Symbol.asyncDispose]();
    await b[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await a.store.leave();
    await b.store.leave();
  });

  /** As if so much time had passed. */
  const expire = (node: TestNode): Promise<unknown> =>
    withClient(database.url, (client) =>
      client.query(`UPDATE node SET expires_at = now() - interval '1 ms' WHERE id = $1`, [node.id]),
    );

  it('see each other and the same shards', async () => {
    assert.deepEqual((await a.store.renew(TTL_MS)).nodes, ['a']);
    const view = await b.store.renew(TTL_MS);
    assert.deepEqual(view.nodes.toSorted(), ['a', 'b']);
    assert.deepEqual(
      view.shards.map(({ shard }) => shard),
      [...Array(64).keys()],
    );
    await a.claim([1, 2]);
    await b.claim([3]);
    for (const node of [a, b]) {
      assert.deepEqual(ownersIn(await node.store.renew(TTL_MS)), { a: [1, 2], b: [3] });
    }
  });

  it('who only accept are not among them', async () => {
    await a.store.renew(TTL_MS);
    await b.store.probe();
    assert.deepEqual((await a.store.renew(TTL_MS)).nodes, ['a']);
  });

  it('take nothing from a living one', async () => {
    await a.store.renew(TTL_MS);
    await b.store.renew(TTL_MS);
    await a.claim([1, 2]);
    assert.deepEqual(
      (await b.store.claimShards([1, 2, 3])).map(({ shard }) => shard),
      [3],
    );
  });

  it('whose time has run out are gone, and own nothing any more', async () => {
    await a.store.renew(TTL_MS);
    await a.claim([1, 2]);
    await expire(a);
    const view = await b.store.renew(TTL_MS);
    assert.deepEqual(view.nodes, ['b']);
    assert.deepEqual(ownersIn(view), {});
    assert.deepEqual(
      (await b.store.claimShards([1])).map(({ shard }) => shard),
      [1],
    );
    assert.deepEqual(ownersIn(await a.store.renew(TTL_MS)), { a: [2], b: [1] }, 'it came back');
  });

  it('that try for the same shards at once each get some of them, none twice', async () => {
    await a.store.renew(TTL_MS);
    await b.store.renew(TTL_MS);
    const every = [...Array(64).keys()];
    const claimed = await Promise.all([a.store.claimShards(every), b.store.claimShards(every)]);
    assert.deepEqual(
      claimed
        .flat()
        .map(({ shard }) => shard)
        .toSorted((x, y) => x - y),
      every,
    );
  });

  it('leave a shard to who renewed while they waited for it', async () => {
    await b.store.renew(TTL_MS);
    const atCommit = a.proxy.holdNext('COMMIT');
    const first = a.store.claimShards([5]);
    const request = await atCommit;
    const second = b.store.claimShards([5]);
    await untilSomeoneWaits(database.url);
    await a.store.renew(TTL_MS);
    request.release();
    assert.equal((await first).length, 1);
    assert.deepEqual(await second, []);
  });

  it('claim what they own already at a new epoch', async () => {
    await a.store.renew(TTL_MS);
    const [first] = await a.store.claimShards([7]);
    const [second] = await a.store.claimShards([7]);
    assert.ok(first && second && second.epoch > first.epoch);
  });

  it('give up only what is theirs still', async () => {
    await a.store.renew(TTL_MS);
    const leases = await a.store.claimShards([1, 2]);
    await expire(a);
    await b.store.renew(TTL_MS);
    await b.claim([1]);
    await a.store.releaseShards(leases);
    await a.store.renew(TTL_MS);
    assert.deepEqual(ownersIn(await b.store.renew(TTL_MS)), { b: [1] });
  });

  it('who leave own nothing and are not waited for', async () => {
    await a.store.renew(TTL_MS);
    await b.store.renew(TTL_MS);
    await a.claim([1, 2]);
    await a.store.leave();
    const view = await b.store.renew(TTL_MS);
    assert.deepEqual([view.nodes, ownersIn(view)], [['b'], {}]);
  });

  it('see as nobody’s what they own without knowing its lease', async () => {
    await a.store.renew(TTL_MS);
    await withClient(database.url, (client) =>
      client.query(`UPDATE shard SET owner = 'a', epoch = epoch + 1 WHERE id = 9`),
    );
    assert.deepEqual(ownersIn(await a.store.renew(TTL_MS)), {});
    await b.store.renew(TTL_MS);
    assert.deepEqual(ownersIn(await b.store.renew(TTL_MS)), { a: [9] }, 'others leave it alone');
    assert.equal((await a.store.claimShards([9])).length, 1);
  });

  it('that are long gone are forgotten', async () => {
    await a.store.renew(TTL_MS);
    await withClient(database.url, (client) =>
      client.query(`UPDATE node SET expires_at = now() - interval '2 hours' WHERE id = 'a'`),
    );
    await b.store.renew(TTL_MS);
    await withClient(database.url, async (client) => {
      const { rows } = await client.query('SELECT id FROM node');
      assert.deepEqual(rows, [{ id: 'b' }]);
    });
    await a.store.renew(TTL_MS);
    assert.deepEqual((await a.store.renew(TTL_MS)).nodes.toSorted(), ['a', 'b']);
  });
});

function ownersIn({ shards }: ClusterView): Record<string, number[]> {
  const owned = shards.filter(({ owner }) => owner !== null);
  const byOwner = Object.groupBy(owned, ({ owner }) => owner ?? '');
  return Object.fromEntries(
    Object.entries(byOwner).map(([owner, of]) => [owner, (of ?? []).map(({ shard }) => shard)]),
  );
}
