import { eventIdMaker, type EventId } from '../../src/domain/ids.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { CommitLoop } from '../../src/store/commit-loop.ts';
import type { AcceptEnding } from '../../src/store/commit-queue.ts';
import type {
  AcceptEntry,
  CommitBatch,
  CommitResult,
  CommitStore,
  RecordEntry,
} from '../../src/store/store.ts';
import { delivered, deliveryOf } from '../contract/examples.ts';
import { newEvent, openStore, storeWebhook } from './core-scene.ts';

const newEventId = eventIdMaker();

/** A commit loop over a real store; `faults` stand between the two. What it told is kept in order. */
export async function startLoop(faults: (store: CommitStore) => Partial<CommitStore> = () => ({})) {
  const opened = await openStore();
  const { store } = opened;
  const accountId = await store.createAccount('one');
  let { version: accountVersion } = await store.account(accountId);
  const commits: CommitBatch[] = [];
  const told: string[] = [];
  const offered: EventId[] = [];
  const commit = (batch: CommitBatch): Promise<CommitResult> => {
    commits.push(batch);
    return store.commit(batch);
  };
  const { commitsAtOnce } = store;
  const watched: CommitStore = { commitsAtOnce, commit, probe: () => store.probe() };
  const loop = new CommitLoop(
    { ...watched, ...faults(watched) },
    {
      accepted: (entries) => offered.push(...entries.map(({ event }) => event.id)),
      disabled: () => told.push('disabled'),
      refused: () => told.push('refused'),
      unavailable: () => told.push('unavailable'),
      available: () => told.push('available'),
      broken: () => told.push('broken'),
    },
  );
  const entry = (deliveries: AcceptEntry['deliveries'] = []): AcceptEntry => ({
    event: { ...newEvent(accountId), id: newEventId() },
    accountVersion,
    deliveries,
  });
  /** Attempts that were made of deliveries that the store has, past the loop. */
  const attempts = async (count: number): Promise<RecordEntry[]> => {
    const webhook = await storeWebhook(store, accountId, 'https://example.com/');
    accountVersion = (await store.account(accountId)).version;
    const deliveries = [{ webhookId: webhook.id, webhookVersion: webhook.version }];
    const accepts = Array.from({ length: count }, () => entry(deliveries));
    await store.commit({ records: [], accepts });
    const [lease] = await store.claimShards([shardOf(webhook.id)]);
    if (!lease) throw new Error('There is no such shard');
    return accepts.map(({ event }) => ({ ...deliveryOf(event, webhook), lease, ...delivered() }));
  };
  return { ...opened, loop, accountId, entry, attempts, commits, told, offered };
}

/** The code by which one event was not stored. */
export function whyNot(ending: AcceptEnding): string | undefined {
  return ending.kind === 'not_stored' ? ending.error.code : undefined;
}

/** One turn of the event loop: all that could go on has gone on. */
export function turn(): Promise<void> {
  return new Promise(setImmediate);
}
