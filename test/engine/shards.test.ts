import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SHARD_COUNT, type ShardLease } from '../../src/domain/shard.ts';
import { Shards, type OwnsShards } from '../../src/engine/shards.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { Log } from '../../src/telemetry/log.ts';
import { temporaryDirectory } from '../e2e/ground.ts';

import { Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { ManualClock } from './manual-clock.ts';
import { event, RunningCore } from './running-core.ts';

/** A node renews so often, and counts on its leases for so long after it did. */
const ROUND_MS = 1_500;
const HELD_MS = 5_000;

const ALL = Array.from({ length: SHARD_COUNT }, (_, shard) => shard);

/** Sends nothing: keeps what it is told that it owns. */
class Owner implements OwnsShards {
  readonly leases = new Map<number, ShardLease>();

  own(leases: readonly ShardLease[]): void {
    for (const lease of leases) this.leases.set(lease.shard, lease);
  }

  disown(shards: readonly number[]): void {
    for (const shard of shards) this.leases.delete(shard);
  }

  async drained(): Promise<void> {}
  lookAgain(): void {}
  pump(): void {}
}

async function ownerOf(store: SqliteStore): Promise<string[]> {
  const { shards } = await store.renew();
  return [...new Set(shards.map(({ owner }) => owner ?? 'nobody'))];
}

describe('the shards of a lone node', () => {
  it('are all its own after the start, and nobody’s when it has left', async () => {
    await using directory = await temporaryDirectory();
    await using store = await SqliteStore.open(join(directory.path, 'posthorn.db'), 'node');
    const owner = new Owner();
    const shards = new Shards({ store, owner, nodeId: 'node', log: new Log('silent') });
    assert.equal(shards.hold(), false);
    await shards.start();
    assert.equal(shards.hold(), true);
    assert.deepEqual([...owner.leases.keys()], ALL);
    assert.deepEqual(await ownerOf(store), ['node']);
    await shards.stop();
    assert.deepEqual(await ownerOf(store), ['node'], 'what is in flight can be recorded still');
    await shards.leave();
    assert.deepEqual(await ownerOf(store), ['nobody']);
  });

  it('are taken at newer epochs by the next one', async () => {
    await using directory = await temporaryDirectory();
    const epochs = async (nodeId: string): Promise<number[]> => {
      await using store = await SqliteStore.open(join(directory.path, 'posthorn.db'), nodeId);
      const owner = new Owner();
      const shards = new Shards({ store, owner, nodeId, log: new Log('silent') });
      await shards.start();
      await shards.stop();
      return ALL.map((shard) => owner.leases.get(shard)?.epoch ?? 0);
    };
    const first = await epochs('first');
    const second = await epochs('second');
    assert.ok(first.every((epoch, shard) => epoch > 0 && (second[shard] ?? 0) > epoch));
  });
});

describe('a node that cannot renew', () => {
  it('sends nothing once its time may have run out, and goes on by itself', async () => {
    const clock = new ManualClock();
    let away = false;
    await using running = await RunningCore.start({
      clock,
      around: (store) => ({
        renew: () => (away ? Promise.reject(new StoreUnavailable('away')) : store.renew()),
      }),
    });
    const { core } = running;
    const faultsAtArrival: string[][] = [];
    await using receiver = await Receiver.start((_, response) => {
      faultsAtArrival.push(core.faults);
      response.end();
    });
    const account = await running.store.createAccount('one');
    await running.addWebhook(account, receiver.url);
    away = true;
    await clock.round(ROUND_MS);
    clock.advance(HELD_MS - ROUND_MS - 1);
    assert.deepEqual(core.faults, []);
    clock.advance(1);
    assert.deepEqual(core.faults, ['This node could not renew its shards.']);
    const [accepted] = await core.intake.accept([event(account)]);
    assert.ok(accepted && 'id' in accepted, 'accepting goes on');
    // It was offered to the engine, which is what a second commit's answer tells: nothing was sent.
    await core.intake.accept([event(account)]);
    for (let i = 0; i < 3; i += 1) await clock.round(ROUND_MS);
    assert.equal(receiver.received.length, 0);
    away = false;
    await clock.round(ROUND_MS);
    await waitFor('delivered', async () => (await running.pending(account)).length === 0);
    assert.deepEqual(faultsAtArrival, [[], []]);
  });

  it('counts its time from before it asked', async () => {
    const clock = new ManualClock();
    await using directory = await temporaryDirectory();
    await using store = await SqliteStore.open(join(directory.path, 'posthorn.db'), 'node');
    const slow = {
      renew: async () => {
        const view = await store.renew();
        clock.advance(HELD_MS);
        return view;
      },
      claimShards: (wanted: readonly number[]) => store.claimShards(wanted),
      releaseShards: (leases: readonly ShardLease[]) => store.releaseShards(leases),
      leave: () => store.leave(),
      failing: (wanted: readonly number[]) => store.failing(wanted),
    };
    const log = new Log('silent');
    const shards = new Shards({ store: slow, owner: new Owner(), nodeId: 'node', log, clock });
    await shards.start();
    assert.equal(shards.hold(), false, 'an answer that late may be of a time that has run out');
    await shards.stop();
  });
});
