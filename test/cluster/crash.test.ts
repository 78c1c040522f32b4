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
import { ChangingWebhooks } from './changing-webhooks.ts';
import { ClusterClient } from './cluster-client.ts';
import {
  canceledWithTheirWebhooks,
  deliveriesWanted,
  everyAcceptedEventArrived,
  everythingIsStoredOnce,
  inFlightAtTakeovers,
  nothingElseArrived,
  onlyFormerOwnersWereRefused,
  recordedByTwoOwners,
  refusedRecords,
  secondPosts,
  unexplainedPosts,
} from './crash-accounts.ts';
import { CrashFaults } from './crash-faults.ts';
import { tellCounts } from './crash-counts.ts';
import { allTakenOverInTime, timedTakeovers } from './crash-takeovers.ts';
import type { Observer } from './observer.ts';
import { TestCluster } from './test-cluster.ts';

const SHARDS = 64;
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
    const everything = webhooks.filter(({ path }) => path.endsWith('/user')).length;
    const nodes = (): TestCluster['nodes'] => cluster.nodes;
    const changing = new ChangingWebhooks(receiver.url, everything, random, nodes);
    const faults = new CrashFaults(cluster, random);
    await underLoad([...clients, changing], async () => {
      for (const kind of faults.sequence()) {
        await pause(random() * LONGEST_PAUSE_MS);
        await faults.happen(kind);
      }
    });
    const { observer } = cluster;
    const nothingPending = async (): Promise<boolean> => (await observer.pendingDeliveries()) === 0;
    await waitFor('nothing pending any more', nothingPending, DRAIN_LIMIT_MS);
    const last = cluster.nodes.map(({ name }) => name);
    const allOwned = async (): Promise<boolean> => (await owned(observer, last)) === SHARDS;
    await waitFor('every shard is owned by one that lives', allOwned);
    for (const node of cluster.nodes) {
      assert.equal(await cluster.end(node, 'SIGTERM'), 0, node.process.output);
    }
    // One that was killed is among them until its time has run out; those that left are not.
    const members = await observer.members();
    assert.deepEqual(
      members.filter((name) => last.includes(name)),
      [],
    );
    await check(t, { cluster, faults, clients, webhooks, changing, received: receiver.received });
  },
);

async function owned(observer: Observer, names: readonly string[]): Promise<number> {
  const shares = await Promise.all(names.map((name) => observer.ownedBy(name)));
  return shares.reduce((sum, { length }) => sum + length, 0);
}

/** Clients do what they do as long as the work lasts. */
async function underLoad(
  clients: readonly { run(): Promise<void>; end(): void }[],
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
  readonly changing: ChangingWebhooks;
  readonly received: readonly Received[];
}

async function check(t: TestContext, outcome: Outcome): Promise<void> {
  const { cluster, faults, changing, received } = outcome;
  const { observer } = cluster;
  const clients = [...outcome.clients, changing.client];
  const webhooks = [...outcome.webhooks, ...changing.webhooks];
  const sent = clients.flatMap((client) => client.sent);
  const wanted = deliveriesWanted(sent, webhooks);
  const events = await observer.events();
  const ended = await observer.ended();
  const canceled = canceledWithTheirWebhooks(ended, changing.webhooks);
  const attempts = await observer.attempts();
  const takeovers = await observer.takeovers();
  const timed = timedTakeovers(faults.silenced, takeovers);
  const ownerless = await observer.ownerless();
  const byTwoOwners = recordedByTwoOwners(attempts, takeovers, canceled);
  const refused = cluster.made.flatMap(({ name, process }) =>
    refusedRecords({ name, output: process.output }),
  );
  const inFlight = inFlightAtTakeovers(received, takeovers);
  const second = secondPosts(received, attempts, inFlight, TIMEOUT_MS);
  const unexplained = unexplainedPosts(received, attempts, inFlight, canceled);
  const counted = { wanted, received, takeovers, timed, ownerless, canceled, byTwoOwners };
  tellCounts(t, faults, clients, changing, { ...counted, inFlight, second, refused });

  everyAcceptedEventArrived(wanted, received, canceled);
  nothingElseArrived(wanted, received, webhooks);
  everythingIsStoredOnce(wanted, events, ended, attempts);
  assert.deepEqual(byTwoOwners, [], 'recorded by two owners');
  onlyFormerOwnersWereRefused(refused, takeovers, canceled);
  allTakenOverInTime(timed, ownerless);
  assert.deepEqual(second.wrong, [], 'sent again though its success was recorded');
  // One that was frozen between its last look at the clock and the socket sends once.
  const freezes = faults.silenced.filter(({ how }) => how === 'freeze').length;
  assert.ok(unexplained.length <= freezes, `sent by who had lost its shard: ${unexplained.join()}`);
  assert.ok(changing.matched > 0, 'webhooks were changed meanwhile');
  const accepting = new Set(clients.flatMap(({ acceptedBy }) => Object.keys(acceptedBy)));
  assert.ok(accepting.size >= NODES, `events were accepted by ${[...accepting].join()} only`);
}
