/**
 * Why SQLite has a thread of its own: the same commits, one after another, made in this thread and in
 * the store's, and how long they hold up the event loop. Run it with `node bench/writer-thread.ts`.
 */
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as passed } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SqliteStore } from '../src/store/sqlite/sqlite-store.ts';
import { temporaryDirectory } from './children.ts';
import { BatchMaker } from './commit-batches.ts';
import { table, whole } from './format.ts';
import { InProcessStore, type Committing } from './in-process-store.ts';
import { machine, machineText } from './machine.ts';
import { median } from './statistics.ts';

const DATA = fileURLToPath(new URL('../data', import.meta.url));
const BATCHES = [1, 20, 200];
const REPEATS = 3;
const WARM_UP_MS = 1_000;
const MEASURE_MS = 3_000;

const PLACES: Readonly<Record<string, (file: string) => Promise<Committing>>> = {
  'in-process': async (file) => new InProcessStore(file),
  'writer thread': (file) => SqliteStore.open(file, 'bench'),
};

interface Measurement {
  /** Accepted and recorded. */
  readonly eventsPerSecond: number;
  /** Between two turns of the event loop, in milliseconds. */
  readonly p99: number;
  readonly max: number;
}

console.log(machineText(machine(DATA)));
console.log(`the event loop at rest: ${delayText(await atRest())}\n`);
const rows = [['events a commit', 'where', 'events/s', 'delay p99, ms', 'max, ms']];
for (const size of BATCHES) {
  const measured = new Map(Object.keys(PLACES).map((place) => [place, [] as Measurement[]]));
  for (let i = 0; i < REPEATS; i += 1) {
    for (const [place, open] of Object.entries(PLACES)) {
      measured.get(place)?.push(await measure(open, size));
    }
  }
  for (const [place, repeats] of measured) {
    const of = (pick: (one: Measurement) => number): number => median(repeats.map(pick));
    const [p99, max] = [of((one) => one.p99), of((one) => one.max)];
    rows.push([String(size), place, whole(of((one) => one.eventsPerSecond)), ms(p99), ms(max)]);
  }
}
console.log(table(rows).join('\n'));

async function measure(
  open: (file: string) => Promise<Committing>,
  size: number,
): Promise<Measurement> {
  using directory = temporaryDirectory(DATA);
  await using store = await open(join(directory.path, 'posthorn.db'));
  const batches = await BatchMaker.on(store);
  await commitFor(WARM_UP_MS, store, batches, size);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  const commits = await commitFor(MEASURE_MS, store, batches, size);
  const seconds = (performance.now() - start) / 1_000;
  delay.disable();
  return { eventsPerSecond: (commits * size) / seconds, ...delayOf(delay) };
}

/** One commit after another, with a turn of the event loop between them. Returns how many. */
async function commitFor(
  milliseconds: number,
  store: Committing,
  batches: BatchMaker,
  size: number,
): Promise<number> {
  let commits = 0;
  for (const until = performance.now() + milliseconds; performance.now() < until; commits += 1) {
    batches.check(await store.commit(batches.next(size)));
    await nextTurn();
  }
  return commits;
}

async function atRest(): Promise<{ p99: number; max: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await passed(WARM_UP_MS);
  delay.disable();
  return delayOf(delay);
}

function delayOf(delay: { percentile(share: number): number; max: number }): {
  p99: number;
  max: number;
} {
  return { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 };
}

function delayText({ p99, max }: { p99: number; max: number }): string {
  return `delay p99 ${ms(p99)} ms, max ${ms(max)} ms`;
}

function ms(milliseconds: number): string {
  return milliseconds.toFixed(1);
}
