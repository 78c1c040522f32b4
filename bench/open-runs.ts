import { WARM_UP_MS } from './bench-case.ts';
import { drained, loadFaults, storeFaults } from './checks.ts';
import { BenchChild, type Listening } from './children.ts';
import type { LoadOrder } from './load.ts';
import type { OpenLoopReport } from './open-loop.ts';
import { OthersUse } from './others-use.ts';
import type { Target } from './keep-alive-client.ts';
import { Posthorn } from './posthorn.ts';
import type { ReceiverOrder, ReceiverReport } from './receiver.ts';
import { RecordedWatch } from './recorded-watch.ts';
import type { BenchDatabase } from './stores/bench-store.ts';
import { CAMPAIGN_ID } from './sustained.ts';

/** From when each event was due, in milliseconds. */
export interface OpenRun {
  readonly accepted: Float64Array;
  readonly received: Float64Array;
  /** Of a sample; empty for who records nothing. */
  readonly recorded: Float64Array;
  readonly loadP99: number;
  readonly usedByOthers: number;
  readonly faults: readonly string[];
}

interface OpenLoad {
  readonly perSecond: number;
  readonly seconds: number;
}

export async function openRelay(open: OpenLoad): Promise<OpenRun> {
  await using receiver = await BenchChild.start<ReceiverOrder, Listening>('receiver.ts');
  await using relay = await BenchChild.start<never, Listening>('relay.ts', receiver.ready.origin);
  const loads = await post({ ...relay.ready, path: '/', headers: {} }, open);
  const received = await receiver.order<ReceiverReport>({ kind: 'report' });
  const faults = loadFaults('The relay', [loads.warmUp, loads.measured], received);
  return openRun(loads, received, new Map(), faults);
}

/** Posthorn on this database with one webhook at user level. */
export async function openPosthorn(
  name: string,
  database: BenchDatabase,
  open: OpenLoad,
): Promise<OpenRun> {
  await using receiver = await BenchChild.start<ReceiverOrder, Listening>('receiver.ts');
  await using posthorn = await Posthorn.start(database);
  await posthorn.createWebhook(`${receiver.ready.origin}/`);
  const watch = new RecordedWatch(database, receiver);
  await watch.start();
  const loads = await post(posthorn.events, open);
  await drained(database);
  await watch.stop();
  const received = await receiver.order<ReceiverReport>({ kind: 'report' });
  await posthorn.stop();
  const stored = await database.storedCounts(posthorn.startedAt, { from: 0, to: 0 });
  const both = [loads.warmUp, loads.measured];
  const faults = [...loadFaults(name, both, received), ...storeFaults(name, both, stored)];
  return openRun(loads, received, watch.recordedAt, faults);
}

interface Loads {
  readonly warmUp: OpenLoopReport;
  readonly measured: OpenLoopReport;
  readonly usedByOthers: number;
}

async function post(target: Target, { perSecond, seconds }: OpenLoad): Promise<Loads> {
  await using load = await BenchChild.start<LoadOrder>('load.ts');
  const postFor = (ms: number): Promise<OpenLoopReport> =>
    load.order({
      kind: 'open',
      target,
      campaignIds: [CAMPAIGN_ID],
      perSecond,
      count: Math.round((perSecond * ms) / 1_000),
    });
  const warmUp = await postFor(WARM_UP_MS);
  const use = new OthersUse();
  const measured = await postFor(seconds * 1_000);
  return { warmUp, measured, usedByOthers: use.share };
}

function openRun(
  { measured, usedByOthers }: Loads,
  { receivedAt }: ReceiverReport,
  recordedAt: ReadonlyMap<number, number>,
  faults: readonly string[],
): OpenRun {
  const { firstNumber, posted, firstDueAt, distanceMs, acceptedAfter, latenessP99 } = measured;
  const after = (number: number, at: number): number =>
    at - (firstDueAt + (number - firstNumber) * distanceMs);
  const numbers = Array.from({ length: posted }, (_, i) => firstNumber + i);
  const recorded = [...recordedAt].filter(([number]) => number >= firstNumber);
  return {
    accepted: acceptedAfter,
    received: Float64Array.from(numbers, (number) => after(number, receivedAt[number] ?? NaN)),
    recorded: Float64Array.from(recorded, ([number, at]) => after(number, at)),
    loadP99: latenessP99,
    usedByOthers,
    faults,
  };
}
