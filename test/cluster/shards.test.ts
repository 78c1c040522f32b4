import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { answer, Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import type { ClusterNode } from './cluster-node.ts';
import { TestCluster } from './test-cluster.ts';
import { deaf, Wire, type Reader } from './wire.ts';

const SHARDS = 64;
/** A dead node's time has to run out: far above what that takes. */
const LIMIT_MS = 60_000;
const WEBHOOKS = 8;
const EVENTS = 10;
/** So many webhooks, with ids from 1 on: each in a shard of its own. */
const MOVED = 40;

describe('shards', { concurrency: true }, () => {
  it('are spread evenly over the nodes that live', async () => {
    await using cluster = await TestCluster.start({ LOG_LEVEL: 'warn' });
    const spread = (...shares: readonly number[]): Promise<unknown> =>
      waitFor(
        `the nodes own ${shares.join(', ')} shards`,
        async () => {
          const owned = Object.values(await cluster.observer.owned());
          return owned.toSorted((a, b) => a - b).join() === shares.join();
        },
        LIMIT_MS,
      );
    const first = await cluster.add();
    await spread(SHARDS);
    const second = await cluster.add();
    await spread(32, 32);
    await cluster.add();
    await spread(21, 21, 22);
    await cluster.add();
    await spread(16, 16, 16, 16);
    await cluster.end(first, 'SIGTERM');
    await spread(21, 21, 22);
    await cluster.end(second, 'SIGKILL');
    await spread(32, 32);
  });

  it('of a node that stops are nobody’s when it has stopped, and it is gone', async () => {
    await using cluster = await TestCluster.start({ LOG_LEVEL: 'warn' });
    const { observer } = cluster;
    const stopping = await cluster.add();
    assert.equal((await observer.ownedBy(stopping.name)).length, SHARDS);
    assert.equal(await cluster.end(stopping, 'SIGTERM'), 0);
    assert.deepEqual(await observer.ownedBy(stopping.name), []);
    assert.deepEqual(await observer.members(), []);
  });

  it('are moved when nothing of them is in flight', async () => {
    const answers: (() => void)[] = [];
    await using receiver = await Receiver.start((received, response) => {
      answers.push(() => answer(received, response, 200));
    });
    await using cluster = await TestCluster.start({ LOG_LEVEL: 'warn' });
    const { observer } = cluster;
    const old = await cluster.add();
    for (let i = 0; i < MOVED; i += 1) await create(old, `${receiver.url}/${i}`);
    await putIn(old);
    await waitFor('all are in flight', () => answers.length === MOVED);
    const next = await cluster.add();
    // Those with numbers of the upper half move: their webhooks have answered none so far.
    const free = SHARDS / 2 - (MOVED - SHARDS / 2 + 1);
    await owned(cluster, { [old.name]: SHARDS - free, [next.name]: free });
    for (const send of answers) send();
    await owned(cluster, { [old.name]: SHARDS / 2, [next.name]: SHARDS / 2 });
    await waitFor('all is recorded', async () => (await observer.pendingDeliveries()) === 0);
    assert.equal(receiver.received.length, MOVED);
    assert.deepEqual(await observer.takeovers(), []);
  });

  it('of a node that was killed are taken over with all that is pending in them', async (t) => {
    let answers = false;
    await using receiver = await Receiver.start((received, response) => {
      if (answers) answer(received, response, 200);
    });
    await using cluster = await TestCluster.start({ LOG_LEVEL: 'warn' });
    const { observer } = cluster;
    const killed = await cluster.add();
    for (let i = 0; i < WEBHOOKS; i += 1) await create(killed, `${receiver.url}/${i}`);
    for (let i = 0; i < EVENTS; i += 1) await putIn(killed);
    await waitFor('some are in flight', () => receiver.received.length >= WEBHOOKS);
    assert.equal(await observer.pendingDeliveries(), WEBHOOKS * EVENTS);
    await cluster.end(killed, 'SIGKILL');
    const killedAt = Date.now();
    answers = true;
    // Nobody tells it of anything: what is pending it has to see when it takes the shards.
    const looks = new Looks();
    await using way = await Wire.start(cluster.databaseUrl, looks.reader);
    const next = await cluster.add({ databaseUrl: way.url });
    const nothingPending = async (): Promise<boolean> => (await observer.pendingDeliveries()) === 0;
    await waitFor('all is delivered', nothingPending, LIMIT_MS);
    t.diagnostic(`taken over and delivered after ${Date.now() - killedAt} ms`);
    assert.equal(looks.sinceClaim, 0, 'found by looking at everything');
    assert.equal((await observer.ended()).length, WEBHOOKS * EVENTS);
    await cluster.end(next, 'SIGTERM');
    const takeovers = await observer.takeovers();
    assert.deepEqual(new Set(takeovers.map(({ from }) => from)), new Set([killed.name]));
  });
});

async function owned(cluster: TestCluster, shares: Record<string, number>): Promise<void> {
  const asSaid = async (): Promise<boolean> =>
    isDeepStrictEqual({ ...(await cluster.observer.owned()) }, shares);
  await waitFor(`the nodes own ${JSON.stringify(shares)}`, asSaid, LIMIT_MS);
}

async function create(at: ClusterNode, url: string): Promise<void> {
  const { status } = await at.call('POST', '/api/v1/webhook/create', {
    webhook_url: url,
    association_type: 1,
  });
  assert.equal(status, 200);
}

async function putIn(at: ClusterNode): Promise<void> {
  const { status } = await at.call('POST', '/api/v1/events', {
    event_type: 'REPLIED',
    campaign_id: 1,
    lead_email: 'lead@example.com',
  });
  assert.equal(status, 202);
}

/** Whether a node that hears nothing has looked at everything, as it does now and then, since its claim. */
class Looks {
  #claimed = false;
  sinceClaim = 0;

  readonly reader: Reader = () => {
    const read = deaf();
    return (chunk) => {
      if (chunk.includes('claim_shards')) this.#claimed = true;
      if (this.#claimed && chunk.includes('account_versions')) this.sinceClaim += 1;
      return read(chunk);
    };
  };
}
