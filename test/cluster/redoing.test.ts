import { it } from 'node:test';
import { pause, seededRandom, startEndpoints } from '../e2e/crash-scene.ts';
import { Redoing } from '../e2e/redoing.ts';
import { CrashFaults, type FaultKind } from './crash-faults.ts';
import { TestCluster } from './test-cluster.ts';

const NODES = 3;
const FAULTS: readonly FaultKind[] = [
  'kill',
  'cut',
  'freeze',
  'commit',
  'kill',
  'restart',
  'commit',
  'kill',
];

const ENV = {
  POSTHORN_RETRY_SCHEDULE: Array.from({ length: 40 }, () => '100ms').join(','),
  POSTHORN_REQUEST_TIMEOUT: '600ms',
  LOG_LEVEL: 'error',
};

it(
  'three nodes put back all that they should, each once, whoever of them falls',
  { timeout: 400_000 },
  async (t) => {
    const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);
    t.diagnostic(`seed ${seed}`);
    const random = seededRandom(seed);
    await using receiver = await startEndpoints(random);
    await using cluster = await TestCluster.sharing(NODES, ENV);
    const redoing = new Redoing(
      { receiver, servers: () => cluster.nodes, quietAfterMs: null },
      random,
    );
    await redoing.prepare();
    const faults = new CrashFaults(cluster, random);
    const running = redoing.run();
    try {
      for (const kind of FAULTS) {
        await pause(random() * 1_000);
        await faults.happen(kind);
      }
    } finally {
      redoing.end();
    }
    await running;
    await redoing.check();
    t.diagnostic(`faults ${JSON.stringify(faults.counts)}; ${JSON.stringify(redoing.counts)}`);
  },
);
