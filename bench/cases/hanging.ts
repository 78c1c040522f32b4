import { setTimeout as passed } from 'node:timers/promises';
import { WARM_UP_MS, type BenchCase, type BenchSettings, type CaseResult } from '../bench-case.ts';
import { drained, loadFaults, storeFaults } from '../checks.ts';
import { BenchChild, type Listening } from '../children.ts';
import { percent, ratioText, spreadCells, table } from '../format.ts';
import type { LoadOrder } from '../load.ts';
import type { OpenLoopReport } from '../open-loop.ts';
import { OthersUse } from '../others-use.ts';
import { Posthorn } from '../posthorn.ts';
import type { ReceiverOrder, ReceiverReport } from '../receiver.ts';
import { percentile, spread, type Spread } from '../statistics.ts';
import type { BenchStore } from '../stores/bench-store.ts';

const EVENTS_PER_SECOND = 500;
const FIRST_CAMPAIGN_ID = 1_000;
/** Healthy deliveries that have not come this long after the load count as lost. */
const LATEST_MS = 30_000;
const LOOK_MS = 100;

interface Scene {
  readonly name: string;
  readonly webhooks: number;
  /** The first so many of them hang: connected, request taken, never an answer. */
  readonly hanging: number;
}

const SCENES: readonly Scene[] = [
  { name: '1 of 20 webhooks hangs', webhooks: 20, hanging: 1 },
  { name: '40 of 60 webhooks hang', webhooks: 60, hanging: 40 },
];

/** Of healthy webhooks, in milliseconds: from when the event was due until its POST was received. */
interface Latency {
  readonly p50: number;
  readonly p99: number;
  /** The load's own lateness, a part of it. */
  readonly loadP99: number;
  /** The share of the machine that others used meanwhile. */
  readonly usedByOthers: number;
  readonly faults: readonly string[];
}

/** A scene on a store. */
interface Place {
  readonly name: string;
  readonly scene: Scene;
  readonly store: BenchStore;
}

interface Pair {
  readonly without: Latency;
  readonly with: Latency;
}

/**
 * One webhook a campaign, campaigns in turns. The endpoints that hang have answered during the
 * warm-up: so they have won their slots, which is the harder case than hanging from the beginning.
 */
export const hanging: BenchCase = {
  letter: 'f',
  title: `Healthy webhooks beside hanging ones: open loop, ${EVENTS_PER_SECOND} events/s`,
  async run(settings) {
    const pairs = new Map<Place, Pair[]>();
    for (const scene of SCENES) {
      for (const store of settings.stores) {
        pairs.set({ name: `${scene.name}, ${store.name}`, scene, store }, []);
      }
    }
    for (let i = 1; i <= settings.repeats; i += 1) {
      for (const [place, measured] of pairs) {
        const pair = {
          without: await measure(place, false, settings),
          with: await measure(place, true, settings),
        };
        settings.print(`  ${i}. ${place.name}: ${pairText(pair)}`);
        measured.push(pair);
      }
    }
    return resultOf(pairs);
  },
};

async function measure(
  { scene, store }: Place,
  hang: boolean,
  settings: BenchSettings,
): Promise<Latency> {
  await using database = await store.fresh();
  await using receiver = await BenchChild.start<ReceiverOrder, Listening>('receiver.ts');
  await using posthorn = await Posthorn.start(database);
  const campaignIds = await createWebhooks(posthorn, receiver.ready.origin, scene);
  await using load = await BenchChild.start<LoadOrder>('load.ts');
  const post = (milliseconds: number): Promise<OpenLoopReport> =>
    load.order({
      kind: 'open',
      target: posthorn.events,
      campaignIds,
      perSecond: EVENTS_PER_SECOND,
      count: Math.round((EVENTS_PER_SECOND * milliseconds) / 1_000),
    });
  const warmUp = await post(WARM_UP_MS);
  await drained(database);
  await receiver.order({ kind: 'hang', on: hang });
  const use = new OthersUse();
  const measured = await post(settings.seconds * 1_000);
  const usedByOthers = use.share;
  const latencies = await healthyLatencies(receiver, measured, scene);
  await receiver.order({ kind: 'hang', on: false });
  await drained(database);
  const received = await receiver.order<ReceiverReport>({ kind: 'report' });
  await posthorn.stop();
  const stored = await database.storedCounts(posthorn.startedAt, { from: 0, to: 0 });
  const loads = [warmUp, measured];
  return {
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    loadP99: measured.latenessP99,
    usedByOthers,
    faults: [...loadFaults(store.name, loads, received), ...storeFaults(store.name, loads, stored)],
  };
}

/** @returns the campaigns, one for each webhook, those that hang first */
async function createWebhooks(
  posthorn: Posthorn,
  origin: string,
  { webhooks, hanging }: Scene,
): Promise<number[]> {
  const campaignIds: number[] = [];
  for (let i = 0; i < webhooks; i += 1) {
    const campaignId = FIRST_CAMPAIGN_ID + i;
    await posthorn.createWebhook(`${origin}/${i < hanging ? 'hang' : 'healthy'}/${i}`, campaignId);
    campaignIds.push(campaignId);
  }
  return campaignIds;
}

/** Waits for all of them: leaving the slowest out would flatter. */
async function healthyLatencies(
  receiver: BenchChild<ReceiverOrder>,
  { firstNumber, posted, firstDueAt, distanceMs }: OpenLoopReport,
  { webhooks, hanging }: Scene,
): Promise<number[]> {
  const isHealthy = (i: number): boolean => i % webhooks >= hanging;
  const healthy = Array.from({ length: posted }, (_, i) => i).filter(isHealthy);
  for (const since = performance.now(); ; await passed(LOOK_MS)) {
    const { receivedAt } = await receiver.order<ReceiverReport>({ kind: 'report' });
    const came = healthy.filter((i) => receivedAt[firstNumber + i]);
    if (came.length < healthy.length && performance.now() - since < LATEST_MS) continue;
    return came.map((i) => (receivedAt[firstNumber + i] ?? 0) - (firstDueAt + i * distanceMs));
  }
}

function pairText({ without, with: beside }: Pair): string {
  const text = ({ p50, p99 }: Latency): string => `p50 ${ms(p50)}, p99 ${ms(p99)} ms`;
  return (
    `without ${text(without)}; with ${text(beside)}; ratio of p99 ${ratioOf(beside, without)}; ` +
    `the load itself late by ${ms(without.loadP99)} and ${ms(beside.loadP99)} ms (p99); ` +
    `others used ${percent(without.usedByOthers)} and ${percent(beside.usedByOthers)} of the machine`
  );
}

function resultOf(pairs: ReadonlyMap<Place, readonly Pair[]>): CaseResult {
  const figures = [...pairs].map(([{ name }, measured]) => ({
    name,
    without: spreads(measured.map((pair) => pair.without)),
    with: spreads(measured.map((pair) => pair.with)),
    p99Ratio: spread(measured.map((pair) => pair.with.p99 / pair.without.p99)),
    repeats: measured,
  }));
  const rows = figures.flatMap(({ name, without, with: beside, p99Ratio }) => [
    [name, 'median', 'min', 'max'],
    ['  p50 without, ms', ...spreadCells(without.p50, ms)],
    ['  p50 with, ms', ...spreadCells(beside.p50, ms)],
    ['  p99 without, ms', ...spreadCells(without.p99, ms)],
    ['  p99 with, ms', ...spreadCells(beside.p99, ms)],
    ['  ratio of p99 in each repeat', ...spreadCells(p99Ratio, ratioText)],
    ['  ratio of the medians of p99', ratioText(beside.p99.median / without.p99.median)],
  ]);
  const all = [...pairs.values()].flat();
  const runs = all.flatMap(({ without, with: beside }) => [without, beside]);
  const usedByOthers = spread(runs.map((run) => run.usedByOthers));
  rows.push(['used by other programs', ...spreadCells(usedByOthers, percent)]);
  return {
    summary: table(rows),
    figures: { scenes: figures, usedByOthers },
    faults: runs.flatMap(({ faults }) => faults),
  };
}

function spreads(latencies: readonly Latency[]): { p50: Spread; p99: Spread } {
  return {
    p50: spread(latencies.map(({ p50 }) => p50)),
    p99: spread(latencies.map(({ p99 }) => p99)),
  };
}

function ratioOf(beside: Latency, without: Latency): string {
  return ratioText(beside.p99 / without.p99);
}

function ms(milliseconds: number): string {
  return milliseconds.toFixed(1);
}
