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
import { event, RunningCore } from './running-core.ts';

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
    let [away, refused] = [false, 0];
    await using running = await RunningCore.start({
      around: (store) => ({
        renew: () => {
          if (!away) return store.renew();
          refused += 1;
          return Promise.reject(new StoreUnavailable('away'));
        },
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
    await waitFor('its time is up', () => core.faults.length > 0);
    assert.deepEqual(core.faults, ['This node could not renew its shards.']);
    const [accepted] = await core.intake.accept([event(account)]);
    assert.ok(accepted && 'id' in accepted, 'accepting goes on');
    // What could send it has gone by: it was offered, and another round has been looked for.
    const before = refused;
    await waitFor('another round', () => refused > before);
    assert.equal(receiver.received.length, 0);
    away = false;
    await waitFor('delivered', async () => (await running.pending(account)).length === 0);
    assert.deepEqual(faultsAtArrival, [[]]);
  });
});
