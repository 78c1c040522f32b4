import type { BenchCase, BenchSettings, CaseResult } from '../bench-case.ts';
import { drained, loadFaults, storeFaults } from '../checks.ts';
import { BenchChild, type Listening } from '../children.ts';
import { percent, spreadCells, table, whole } from '../format.ts';
import { Posthorn } from '../posthorn.ts';
import { peakMemoryBytes } from '../processes.ts';
import type { ReceiverOrder, ReceiverReport } from '../receiver.ts';
import { spread } from '../statistics.ts';
import type { BenchStore } from '../stores/bench-store.ts';
import { measurePosthorn, type PosthornRun } from '../sustained.ts';
import { postCount } from '../waiting-load.ts';

const WAITING = 100_000;
const MIB = 1024 * 1024;

interface Peak {
  readonly bytes: number;
  readonly faults: readonly string[];
}

interface Repeat {
  readonly sustained: PosthornRun;
  /** After as many events whose deliveries went out. */
  readonly delivered: Peak;
  /** While the same number waits for an endpoint that hangs. */
  readonly waiting: Peak;
}

export const cost: BenchCase = {
  letter: 'i',
  title: `Cost at sustained load, and of ${whole(WAITING)} deliveries that wait`,
  long: true,
  async run(settings) {
    const measured = new Map<string, Repeat[]>();
    for (let i = 1; i <= settings.repeats; i += 1) {
      for (const store of settings.stores) {
        const repeat = await measure(store, settings);
        settings.print(`  ${i}. ${store.name}: ${repeatText(repeat)}`);
        measured.set(store.name, [...(measured.get(store.name) ?? []), repeat]);
      }
    }
    return resultOf(measured);
  },
};

async function measure(store: BenchStore, settings: BenchSettings): Promise<Repeat> {
  await using database = await store.fresh();
  return {
    sustained: await measurePosthorn(store.name, database, settings),
    delivered: await peakOf(store, false),
    waiting: await peakOf(store, true),
  };
}

async function peakOf(store: BenchStore, hang: boolean): Promise<Peak> {
  await using database = await store.fresh();
  await using receiver = await BenchChild.start<ReceiverOrder, Listening>('receiver.ts');
  await using posthorn = await Posthorn.start(database);
  await posthorn.createWebhook(`${receiver.ready.origin}/hang`);
  await receiver.order({ kind: 'hang', on: hang });
  const load = await postCount(posthorn.events, WAITING);
  if (!hang) await drained(database);
  const bytes = peakMemoryBytes(posthorn.pid);
  const waiting = await database.pendingCount();
  await receiver.order({ kind: 'hang', on: false });
  await drained(database);
  const received = await receiver.order<ReceiverReport>({ kind: 'report' });
  await posthorn.stop();
  const stored = await database.storedCounts(posthorn.startedAt, { from: 0, to: 0 });
  const faults = [
    ...loadFaults(store.name, [load], received),
    ...storeFaults(store.name, [load], stored),
  ];
  if (hang && waiting < WAITING) faults.push(`${store.name}: ${whole(waiting)} waited only`);
  return { bytes, faults };
}

function repeatText({ sustained, delivered, waiting }: Repeat): string {
  const { cpuSeconds, bytesWritten, peakMemoryBytes: peak } = sustained.cost;
  return (
    `${cpuSeconds.toFixed(3)} CPU seconds and ${mib(bytesWritten)} MiB written for 1,000 deliveries; ` +
    `peak memory ${mib(peak)} MiB; with ${whole(WAITING)} waiting ${mib(waiting.bytes)}, delivered ` +
    `${mib(delivered.bytes)} MiB; others used ${percent(sustained.usedByOthers)}`
  );
}

function resultOf(measured: ReadonlyMap<string, readonly Repeat[]>): CaseResult {
  const rows = [...measured].flatMap(([name, repeats]) => {
    const cells = (of: (repeat: Repeat) => number, text: (value: number) => string): string[] =>
      spreadCells(spread(repeats.map(of)), text);
    return [
      [name, 'median', 'min', 'max'],
      [
        '  CPU seconds for 1,000 deliveries',
        ...cells(
          ({ sustained }) => sustained.cost.cpuSeconds,
          (value) => value.toFixed(3),
        ),
      ],
      [
        '  MiB written for 1,000 deliveries',
        ...cells(({ sustained }) => sustained.cost.bytesWritten, mib),
      ],
      [
        '  peak memory at sustained load, MiB',
        ...cells(({ sustained }) => sustained.cost.peakMemoryBytes, mib),
      ],
      [
        `  ${whole(WAITING)} waiting add to the peak, MiB`,
        ...cells(({ waiting, delivered }) => waiting.bytes - delivered.bytes, mib),
      ],
    ];
  });
  const all = [...measured.values()].flat();
  return {
    summary: table(rows),
    figures: Object.fromEntries(measured),
    faults: all.flatMap(({ sustained, delivered, waiting }) => [
      ...sustained.faults,
      ...delivered.faults,
      ...waiting.faults,
    ]),
  };
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
