import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BenchCase, BenchSettings, CaseResult } from './bench-case.ts';
import { aged } from './cases/aged.ts';
import { batches } from './cases/batches.ts';
import { cost } from './cases/cost.ts';
import { drain } from './cases/drain.ts';
import { fanOut } from './cases/fan-out.ts';
import { hanging } from './cases/hanging.ts';
import { heldTransaction } from './cases/held-transaction.ts';
import { latency } from './cases/latency.ts';
import { manyWebhooks } from './cases/many-webhooks.ts';
import { mixedLeads } from './cases/mixed-leads.ts';
import { outsideThroughput } from './cases/outside-throughput.ts';
import { throughput } from './cases/throughput.ts';
import { machine, machineText, type Machine } from './machine.ts';
import { readOptions, type Options, type StoreName } from './options.ts';
import { findPeers, type Peer } from './peer.ts';
import type { BenchStore } from './stores/bench-store.ts';
import { PostgresBench } from './stores/postgres.ts';
import { SqliteBench } from './stores/sqlite.ts';

const CASES: readonly BenchCase[] = [
  throughput,
  batches,
  fanOut,
  latency,
  drain,
  hanging,
  manyWebhooks,
  aged,
  cost,
  heldTransaction,
  outsideThroughput,
  mixedLeads,
];
const DATA = fileURLToPath(new URL('../data', import.meta.url));
const RESULTS = fileURLToPath(new URL('results/', import.meta.url));

const HELP = `Usage: npm run bench -- [options]

Measures Posthorn beside a bare relay that stores nothing, in the same minutes.
${CASES.map(({ letter, title, long }) => `  ${letter}  ${title}${long ? ' (--full)' : ''}`).join('\n')}

  --full             the cases that take long too
  --only a,f         these cases only
  --peers            beside case a, what a team would write by hand: Fastify with BullMQ on Redis, with
                     pg-boss, with graphile-worker (first: npm ci --prefix bench/peers)
  --stores LIST      of sqlite and postgres (default: both); TEST_DATABASE_URL names a PostgreSQL
                     where databases may be made, else one is started for the run
  --seconds N        how long one measurement takes, without its warm-up (default 6)
  --repeats N        how often each is repeated, in turns (default 3)
  --directory DIR    where databases are made (default: data/ of this checkout); not in memory
  --help

The figures go to bench/results/latest.json too. Exits with 1 where a run was void.`;

process.exitCode = await main();

async function main(): Promise<number> {
  let options: Options;
  let thisMachine: Machine;
  let stores: Readonly<Record<StoreName, BenchStore>>;
  let peers: readonly Peer[];
  try {
    const letters = CASES.map(({ letter }) => letter);
    options = readOptions(process.argv.slice(2), letters, DATA);
    if (options.help) {
      console.log(HELP);
      return 0;
    }
    const { directory } = options;
    stores = { sqlite: new SqliteBench(directory), postgres: new PostgresBench(directory) };
    peers = options.peers ? findPeers(directory, stores.postgres, console.log) : [];
    thisMachine = machine(directory);
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\nSee npm run bench -- --help`);
    return 2;
  }
  console.log(machineText(thisMachine));
  const results = await runCases(options, {
    fdatasyncMs: thisMachine.fdatasyncMs,
    stores: options.stores.map((name) => stores[name]),
    peers,
    print: console.log,
  });
  writeReport({ machine: thisMachine, ...options, results });
  const faults = Object.values(results).flatMap((result) => result.faults);
  if (faults.length > 0) console.error(`\nVOID:\n${faults.join('\n')}`);
  return faults.length > 0 ? 1 : 0;
}

async function runCases(
  { only, full, seconds, repeats }: Options,
  settings: Omit<BenchSettings, 'seconds' | 'repeats'>,
): Promise<Record<string, CaseResult>> {
  const results: Record<string, CaseResult> = {};
  for (const benchCase of CASES) {
    const { letter, title, long = false } = benchCase;
    if (only ? !only.includes(letter) : long && !full) continue;
    console.log(`\n(${letter}) ${title}`);
    const result = await benchCase.run({ ...settings, seconds, repeats });
    console.log(['', ...result.summary].join('\n'));
    results[letter] = result;
  }
  return results;
}

function writeReport(report: object): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(`${RESULTS}latest.json`, `${JSON.stringify(report, null, 2)}\n`);
}
