import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import {
  pause,
  register,
  seededRandom,
  startEndpoints,
  type Registered,
} from '../e2e/crash-scene.ts';
import type { Received } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { ClusterClient } from './cluster-client.ts';
import {
  deliveriesWanted,
  everyAcceptedEventArrived,
  everythingIsStoredOnce,
  inFlightAtTakeovers,
  nothingElseArrived,
  onlyFormerOwnersWereRefused,
  onlyOwnersRecorded,
  refusedRecords,
  secondPosts,
  unexplainedPosts,
} from './crash-accounts.ts';
import { CrashFaults } from './crash-faults.ts';
import { tellCounts } from './crash-counts.ts';
import { TestCluster } from './test-cluster.ts';

const NODES = 3;
const CLIENTS = 5;
const TIMEOUT_MS = 1_000;
const LONGEST_PAUSE_MS = 1_000;
const DRAIN_LIMIT_MS = 120_000;

const ENV = {
  POSTHORN_RETRY_SCHEDULE: Array.from({ length: 40 }, () => '200ms').join(','),
  POSTHORN_REQUEST_TIMEOUT: `${TIMEOUT_MS}ms`,
  LOG_LEVEL: 'warn',
};

it(
  'loses nothing accepted when nodes and database are killed, frozen, restarted and cut off',
  { timeout: 400_000 },
  async (t) => {
    const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);
    t.diagnostic(`seed ${seed}`);
    const random = seededRandom(seed);
    await using receiver = await startEndpoints(random);
    await using cluster = await TestCluster.start(ENV);
    for (let i = 0; i < NODES; i += 1) await cluster.add();
    const [first] = cluster.nodes;
    assert.ok(first);
    const webhooks = await register(first.process, receiver.url);
    const clients = Array.from(
      { length: CLIENTS },
      (_, i) => new ClusterClient(`c${i}`, random, () => cluster.nodes),
    );
    const faults = new CrashFaults(cluster, random);
    await underLoad(clients, async () => {
      for (const kind of faults.sequence()) {
        await pause(random() * LONGEST_PAUSE_MS);
        await faults.happen(kind);
      }
    });
    const { observer } = cluster;
    const nothingPending = async (): Promise<boolean> => (await observer.pendingDeliveries()) === 0;
    await waitFor('nothing pending any more', nothingPending, DRAIN_LIMIT_MS);
    for (const node of cluster.nodes) {
      assert.equal(await cluster.end(node, 'SIGTERM'), 0, node.process.output);
    }
    await check(t, { cluster, faults, clients, webhooks, received: receiver.received });
  },
);

/** Clients put events in as long as the work lasts. */
async function underLoad(
  clients: readonly ClusterClient[],
  work: () => Promise<void>,
): Promise<void> {
  const running = Promise.all(clients.map((client) => client.run()));
  const worked = work().finally(() => {
    for (const client of clients) client.end();
  });
  await Promise.all([running, worked]);
}

interface Outcome {
  readonly cluster: TestCluster;
  readonly faults: CrashFaults;
  readonly clients: readonly ClusterClient[];
  readonly webhooks: readonly Registered[];
  readonly received: readonly Received[];
}

async function check(
  t: TestContext,
  { cluster, faults, clients, webhooks, received }: Outcome,
): Promise<void> {
  const { observer } = cluster;
  const sent = clients.flatMap((client) => client.sent);
  const wanted = deliveriesWanted(sent, webhooks);
  const events = await observer.events();
  const ended = await observer.ended();
  const attempts = await observer.attempts();
  const takeovers = await observer.takeovers();
  const refused = cluster.made.flatMap(({ name, process }) =>
    refusedRecords({ name, output: process.output }),
  );
  const inFlight = inFlightAtTakeovers(received, takeovers);
  const second = secondPosts(received, attempts, inFlight, TIMEOUT_MS);
  const unexplained = unexplainedPosts(received, attempts, inFlight);
  tellCounts(t, faults, clients, { wanted, received, takeovers, inFlight, second, refused });

  everyAcceptedEventArrived(wanted, received);
  nothingElseArrived(wanted, received, webhooks);
  everythingIsStoredOnce(wanted, events, ended, attempts);
  onlyOwnersRecorded(attempts, takeovers);
  onlyFormerOwnersWereRefused(refused, takeovers);
  assert.deepEqual(second.wrong, [], 'sent again though its success was recorded');
  // One that was frozen between its last look at the clock and the socket sends once.
  const freezes = faults.silenced.filter(({ how }) => how === 'freeze').length;
  assert.ok(unexplained.length <= freezes, `sent by who had lost its shard: ${unexplained.join()}`);
  assert.deepEqual(await observer.members(), []);
}
