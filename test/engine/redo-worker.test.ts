import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { shardOf, type ShardLease } from '../../src/domain/shard.ts';
import { RedoWorker } from '../../src/engine/redo-worker.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { Log } from '../../src/telemetry/log.ts';
import { anEvent, aWebhook, givenUp, deliveryOf } from '../contract/examples.ts';
import { aReplay } from '../contract/redo-scene.ts';
import { waitFor } from '../e2e/wait-for.ts';

let directory: string;
let store: SqliteStore;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'posthorn-redo-'));
  store = await SqliteStore.open(join(directory, 'posthorn.db'), 'node');
});
after(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** A webhook with so many exhausted deliveries, and a replay of them that nobody has counted. */
async function uncounted(
  many: number,
): Promise<{ redoId: number; accountId: number; webhookId: number }> {
  const accountId = await store.createAccount('An account');
  const { webhook } = await store.createWebhook(aWebhook(accountId), true);
  const [lease] = (await store.claimShards([shardOf(webhook.id)])) as [ShardLease];
  const { version } = await store.account(accountId);
  const deliveries = [{ webhookId: webhook.id, webhookVersion: webhook.version }];
  const accepts = Array.from({ length: many }, () => ({
    event: anEvent(accountId),
    accountVersion: version,
    deliveries,
  }));
  await store.commit({ records: [], accepts });
  const records = accepts.map(({ event }) => ({
    ...deliveryOf(event, webhook),
    lease,
    ...givenUp(),
  }));
  await store.commit({ records, accepts: [] });
  const created = await store.createRedo(aReplay(webhook));
  assert.equal(created?.kind, 'created');
  return { redoId: created.redo.id, accountId, webhookId: webhook.id };
}

describe('the worker of redos', () => {
  it('counts what nobody has counted, goes on after the store was away, and tells what is pending', async (t) => {
    const { redoId, accountId, webhookId } = await uncounted(5);
    const lines: string[] = [];
    const told: number[] = [];
    let away = 1;
    const worker = new RedoWorker({
      store: {
        unfinishedRedos: (shards) => store.unfinishedRedos(shards),
        countRedo: (...of) => store.countRedo(...of),
        startRedo: (...of) => store.startRedo(...of),
        stepRedo: (...of) =>
          away-- > 0 ? Promise.reject(new StoreUnavailable('It is away')) : store.stepRedo(...of),
      },
      ownedShards: () => [shardOf(webhookId)],
      slotsOf: () => 1,
      putBack: (named) => told.push(named.webhookId),
      log: new Log('trace', { write: (line: string) => void lines.push(line) }),
    });
    t.after(() => worker.stop());
    worker.start();
    await waitFor('the two that it has room for are put back', async () => {
      const redo = await store.redo(accountId, redoId);
      return redo?.count === 5 && redo.done === 2;
    });
    await worker.stop();
    assert.deepEqual(told, [webhookId]);
    assert.equal(lines.filter((line) => line.includes('task.failed')).length, 1);
    assert.equal((await store.redo(accountId, redoId))?.status, 'running');
  });

  it('leaves those of other shards alone', async (t) => {
    const { redoId, accountId, webhookId } = await uncounted(1);
    const looked = Promise.withResolvers<void>();
    let looks = 0;
    const worker = new RedoWorker({
      store,
      ownedShards: () => {
        looks += 1;
        if (looks === 2) looked.resolve();
        return [(shardOf(webhookId) + 1) % 64];
      },
      slotsOf: () => undefined,
      putBack: () => assert.fail('nothing is put back'),
      log: new Log('silent'),
    });
    t.after(() => worker.stop());
    worker.start();
    worker.wake();
    await looked.promise;
    await worker.stop();
    const redo = await store.redo(accountId, redoId);
    assert.deepEqual([redo?.count, redo?.done, redo?.status], [null, 0, 'running']);
  });
});
