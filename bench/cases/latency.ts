import type { BenchCase, BenchSettings, CaseResult } from '../bench-case.ts';
import { percent, table, whole } from '../format.ts';
import { openPosthorn, openRelay, type OpenRun } from '../open-runs.ts';
import { median, percentile } from '../statistics.ts';
import type { BenchStore } from '../stores/bench-store.ts';
import { measurePosthorn } from '../sustained.ts';

/** Of the rate that the store sustains. */
const LOAD = 0.5;

interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

interface Repeat {
  readonly perSecond: number;
  readonly relay: Latencies;
  readonly accepted: Latencies;
  readonly received: Latencies;
  /** Of a sample of one in a hundred. */
  readonly recorded: Latencies;
  readonly loadP99: number;
  readonly usedByOthers: number;
  readonly faults: readonly string[];
}

/** Open loop: events are due at times fixed in advance, and latency counts from then. */
export const latency: BenchCase = {
  letter: 'd',
  title: 'Latency: open loop at half of the sustained rate, one webhook',
  async run(settings) {
    const measured = new Map<string, Repeat[]>();
    for (let i = 1; i <= settings.repeats; i += 1) {
      for (const store of settings.stores) {
        const repeat = await measure(store, settings);
        settings.print(`  ${i}. ${store.name}: ${repeatText(repeat)}`);
        measured.set(store.name, [...(measured.get(store.name) ?? []), repeat]);
      }
    }
    return resultOf(measured, settings);
  },
};

async function measure(store: BenchStore, settings: BenchSettings): Promise<Repeat> {
  await using first = await store.fresh();
  const sustained = await measurePosthorn(store.name, first, settings);
  const open = { perSecond: Math.round(sustained.perSecond * LOAD), seconds: settings.seconds };
  const relay = await openRelay(open);
  await using database = await store.fresh();
  const posthorn = await openPosthorn(store.name, database, open);
  return {
    perSecond: open.perSecond,
    relay: latencies(relay.received),
    accepted: latencies(posthorn.accepted),
    received: latencies(posthorn.received),
    recorded: latencies(posthorn.recorded),
    loadP99: Math.max(relay.loadP99, posthorn.loadP99),
    usedByOthers: Math.max(...[sustained, relay, posthorn].map((run) => run.usedByOthers)),
    faults: [sustained, relay, posthorn].flatMap((run: Pick<OpenRun, 'faults'>) => run.faults),
  };
}

function latencies(values: Float64Array): Latencies {
  return {
    p50: percentile(values, 0.5),
    p99: percentile(values, 0.99),
    p999: percentile(values, 0.999),
    max: percentile(values, 1),
  };
}

function repeatText(repeat: Repeat): string {
  const { perSecond, relay, accepted, received, recorded, loadP99, usedByOthers } = repeat;
  const text = ({ p50, p99, p999, max }: Latencies): string =>
    [p50, p99, p999, max].map(ms).join(' / ');
  return (
    `${whole(perSecond)} events/s; p50 / p99 / p99.9 / max in ms: accepted ${text(accepted)}, received ` +
    `${text(received)}, recorded ${text(recorded)}; relay ${text(relay)}; the load itself late by ` +
    `${ms(loadP99)} (p99); others used ${percent(usedByOthers)}`
  );
}

function resultOf(
  measured: ReadonlyMap<string, readonly Repeat[]>,
  { fdatasyncMs }: BenchSettings,
): CaseResult {
  const rows = [...measured].flatMap(([name, repeats]) => {
    const relayP99 = median(repeats.map(({ relay }) => relay.p99));
    const receivedP99 = median(repeats.map(({ received }) => received.p99));
    return [
      [`${name}, ms (medians of the repeats)`, 'p50', 'p99', 'p99.9', 'max'],
      ...(['accepted', 'received', 'recorded', 'relay'] as const).map((stage) => [
        stage === 'relay' ? '  the relay, received' : `  ${stage}`,
        ...medians(repeats.map((repeat) => repeat[stage])),
      ]),
      ['  fdatasync, median', ms(fdatasyncMs)],
      [
        "  received p99 without the relay's, in syncs",
        ((receivedP99 - relayP99) / fdatasyncMs).toFixed(1),
      ],
    ];
  });
  const all = [...measured.values()].flat();
  return {
    summary: table(rows),
    figures: { fdatasyncMs, stores: Object.fromEntries(measured) },
    faults: all.flatMap(({ faults }) => faults),
  };
}

function medians(of: readonly Latencies[]): string[] {
  const names = ['p50', 'p99', 'p999', 'max'] as const;
  return names.map((name) => ms(median(of.map((one) => one[name]))));
}

function ms(milliseconds: number): string {
  return milliseconds.toFixed(milliseconds < 1 ? 2 : 1);
}
