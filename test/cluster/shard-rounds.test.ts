import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { SHARD_COUNT, type ShardLease } from '../../src/domain/shard.ts';
import { Shards, type OwnsShards } from '../../src/engine/shards.ts';
import { Log } from '../../src/telemetry/log.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { ManualClock } from '../engine/manual-clock.ts';
import { testDatabases, withClient, type TestDatabase } from '../postgres/test-databases.ts';
import { TestNode } from '../postgres/test-node.ts';

const ROUND_MS = 1_500;
const TTL_MS = 6_000;
/** In the database nobody's time runs out by itself in these tests. */
const NEVER_MS = 3_600_000;

/** Sends nothing, so that nothing has to be drained. */
class Owner implements OwnsShards {
  readonly shards = new Set<number>();

  own(leases: readonly ShardLease[]): void {
    for (const { shard } of leases) this.shards.add(shard);
  }

  disown(shards: readonly number[]): void {
    for (const shard of shards) this.shards.delete(shard);
  }

  async drained(): Promise<void> {}
  lookAgain(): void {}
  pump(): void {}
}

/** One node whose time the test moves, and others of which the database knows. */
describe('a node whose neighbour has died before it took its share', () => {
  let database: TestDatabase;
  let living: TestNode;
  let dead: TestNode;
  let clock: ManualClock;
  let owner: Owner;
  let shards: Shards;

  before(async () => {
    database = await (await testDatabases()).fresh();
    living = await TestNode.start('living', database.url);
    dead = await TestNode.start('dead', database.url);
  });
  after(async () => {
    await living[Symbol.asyncDispose]();
    await dead[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    await living.store.leave();
    await dead.store.leave();
    clock = new ManualClock();
    owner = new Owner();
    const parts = { store: living.store, owner, nodeId: 'living', log: new Log('silent'), clock };
    shards = new Shards(parts);
    await shards.start();
    assert.equal(owner.shards.size, SHARD_COUNT);
    await dead.store.renew(NEVER_MS);
    await clock.round(ROUND_MS);
    await waitFor('half of them are free', async () => (await free()) === SHARD_COUNT / 2);
  });

  async function free(): Promise<number> {
    return withClient(database.url, async (client) => {
      const { rows } = await client.query('SELECT 1 FROM shard WHERE owner IS NULL');
      return rows.length;
    });
  }

  it('leaves it two rounds to take it', async () => {
    await clock.round(ROUND_MS);
    await clock.round(ROUND_MS);
    await shards.stop();
    assert.equal(await free(), SHARD_COUNT / 2);
  });

  it('takes what is overdue, and keeps it until it is known who lives', async () => {
    for (let i = 0; i < 3; i += 1) await clock.round(ROUND_MS);
    await waitFor('all are taken', () => owner.shards.size === SHARD_COUNT);
    assert.equal(await free(), 0);
    for (let ms = ROUND_MS; ms < TTL_MS; ms += ROUND_MS) {
      await clock.round(ROUND_MS);
      assert.equal(owner.shards.size, SHARD_COUNT);
    }
    // The other one is among the living still: its share is given up to it.
    await clock.round(ROUND_MS);
    assert.equal(owner.shards.size, SHARD_COUNT / 2);
    await shards.stop();
  });
});
