import { setTimeout as passed } from 'node:timers/promises';
import type { BenchCase, BenchSettings } from '../bench-case.ts';
import { drained, loadFaults, storeFaults } from '../checks.ts';
import { BenchChild, type Listening } from '../children.ts';
import { CostMeter } from '../cost-meter.ts';
import { whole } from '../format.ts';
import { OthersUse } from '../others-use.ts';
import { measurePairs, pairsResult, type Pairs } from '../pairs.ts';
import { Posthorn } from '../posthorn.ts';
import type { ReceiverOrder, ReceiverReport } from '../receiver.ts';
import type { BenchStore } from '../stores/bench-store.ts';
import { measurePosthorn, type PosthornRun } from '../sustained.ts';
import { postCount } from '../waiting-load.ts';

const WAITING = 100_000;
/** Looking at the receiver's count costs next to nothing; counting rows of the queue would not. */
const LOOK_MS = 100;
const LONGEST_MS = 120_000;

/** They wait because their webhook is paused; counted from its resuming to the last one's attempt. */
export const drain: BenchCase = {
  letter: 'e',
  title: `Draining ${whole(WAITING)} deliveries that wait`,
  long: true,
  async run(settings) {
    const measured: Pairs[] = [];
    for (const store of settings.stores) {
      const comparison = {
        name: `${store.name}, ${whole(WAITING)} drained`,
        besideName: 'case (a) beside it',
        run: () => drainOnce(store),
        beside: () => sustain(store, settings),
      };
      measured.push(await measurePairs(comparison, settings));
    }
    return pairsResult(measured);
  },
};

async function sustain(store: BenchStore, settings: BenchSettings): Promise<PosthornRun> {
  await using database = await store.fresh();
  return await measurePosthorn(`${store.name}, case (a)`, database, settings);
}

async function drainOnce(store: BenchStore): Promise<PosthornRun> {
  await using database = await store.fresh();
  await using receiver = await BenchChild.start<ReceiverOrder, Listening>('receiver.ts');
  await using posthorn = await Posthorn.start(database);
  const webhookId = await posthorn.createWebhook(`${receiver.ready.origin}/`);
  await posthorn.switchWebhook(webhookId, 'pause');
  const load = await postCount(posthorn.events, WAITING);
  const use = new OthersUse();
  const meter = new CostMeter(posthorn.pid);
  const resumedAt = Date.now();
  await posthorn.switchWebhook(webhookId, 'resume');
  await allReceived(receiver, load.accepted);
  const usedByOthers = use.share;
  const drainMs = await drained(database);
  const cost = meter.per(load.accepted);
  const received = await receiver.order<ReceiverReport>({ kind: 'report' });
  await posthorn.stop();
  const stored = await database.storedCounts(posthorn.startedAt, { from: 0, to: 0 });
  return {
    perSecond: (stored.succeeded / (stored.lastEndedAt - resumedAt)) * 1_000,
    usedByOthers,
    waiting: 0,
    drainMs,
    again: received.requests - load.accepted,
    cost,
    faults: [
      ...loadFaults(store.name, [load], received),
      ...storeFaults(store.name, [load], stored),
    ],
  };
}

async function allReceived(receiver: BenchChild<ReceiverOrder>, count: number): Promise<void> {
  for (const since = performance.now(); performance.now() - since < LONGEST_MS;) {
    const { requests } = await receiver.order<{ requests: number }>({ kind: 'count' });
    if (requests >= count) return;
    await passed(LOOK_MS);
  }
}
