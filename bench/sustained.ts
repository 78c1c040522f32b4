import { WARM_UP_MS, type BenchSettings } from './bench-case.ts';
import { drained, loadFaults, storeFaults } from './checks.ts';
import { BenchChild, type Listening } from './children.ts';
import type { ClosedLoopReport } from './closed-loop.ts';
import { percent, whole } from './format.ts';
import type { Target } from './keep-alive-client.ts';
import type { LoadOrder } from './load.ts';
import { OthersUse } from './others-use.ts';
import { Posthorn } from './posthorn.ts';
import type { ReceiverOrder, ReceiverReport } from './receiver.ts';
import type { BenchDatabase } from './stores/bench-store.ts';

export const CLIENTS = 128;
export const CAMPAIGN_ID = 1_000;
/** With more than this waiting at the end of the load, accepting has starved delivering. */
const MAX_WAITING = 0.05;

export interface Run {
  /** The relay: events passed on. Posthorn: deliveries recorded as succeeded. */
  readonly perSecond: number;
  /** The share of the machine that others used meanwhile. */
  readonly usedByOthers: number;
  readonly faults: readonly string[];
}

export interface PosthornRun extends Run {
  /** The share of what was accepted that was not delivered when the load ended. */
  readonly waiting: number;
  readonly drainMs: number;
  /** POSTs beyond the first of each event. */
  readonly again: number;
}

export async function measureRelay(settings: BenchSettings): Promise<Run> {
  await using receiver = await BenchChild.start<ReceiverOrder, Listening>('receiver.ts');
  await using relay = await BenchChild.start<never, Listening>('relay.ts', receiver.ready.origin);
  const load = await measureLoad({ ...relay.ready, path: '/', headers: {} }, settings);
  const received = await receiver.order<ReceiverReport>({ kind: 'report' });
  return {
    perSecond: perSecond(load.acceptedInWindow, load),
    usedByOthers: load.usedByOthers,
    faults: loadFaults('The relay', [load], received),
  };
}

/** Of Posthorn on this database, in production settings; it leaves no webhook behind. */
export async function measurePosthorn(
  name: string,
  database: BenchDatabase,
  settings: BenchSettings,
): Promise<PosthornRun> {
  await using receiver = await BenchChild.start<ReceiverOrder, Listening>('receiver.ts');
  await using posthorn = await Posthorn.start(database);
  const webhookId = await posthorn.createWebhook(`${receiver.ready.origin}/`);
  const load = await measureLoad(posthorn.events, settings);
  const drainMs = await drained(database);
  const received = await receiver.order<ReceiverReport>({ kind: 'report' });
  await posthorn.deleteWebhook(webhookId);
  await posthorn.stop();
  const stored = await database.storedCounts(posthorn.startedAt, load);
  const waiting = stored.waitingAtEnd / load.accepted;
  const faults = [...loadFaults(name, [load], received), ...storeFaults(name, [load], stored)];
  if (waiting > MAX_WAITING) faults.push(`${name}: ${percent(waiting)} waited at the load's end`);
  return {
    perSecond: perSecond(stored.succeededInWindow, load),
    usedByOthers: load.usedByOthers,
    waiting,
    drainMs,
    again: received.requests - received.distinct,
    faults,
  };
}

/** One event a request, keep-alive, closed loop. */
async function measureLoad(
  target: Target,
  { seconds }: BenchSettings,
): Promise<ClosedLoopReport & Pick<Run, 'usedByOthers'>> {
  const use = new OthersUse();
  await using load = await BenchChild.start<LoadOrder>('load.ts');
  const report = await load.order<ClosedLoopReport>({
    kind: 'closed',
    target,
    campaignId: CAMPAIGN_ID,
    clients: CLIENTS,
    warmUpMs: WARM_UP_MS,
    measureMs: seconds * 1_000,
  });
  return { ...report, usedByOthers: use.share };
}

export function perSecond(count: number, { from, to }: { from: number; to: number }): number {
  return (count / (to - from)) * 1_000;
}

/** What a line says of a run beside its throughput. */
export function runText({ waiting, drainMs, again }: PosthornRun): string {
  return `${percent(waiting)} waiting at the end, drained in ${whole(drainMs)} ms, sent again ${again}`;
}
