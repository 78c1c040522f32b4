import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { answer, Receiver, type Received } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import type { ClusterNode } from './cluster-node.ts';
import { TestCluster } from './test-cluster.ts';

const NODES = 3;
const ROUNDS = 40;

/** With this many slots a new webhook's node has so many deliveries in memory. */
const SLOTS = 4;
const IN_MEMORY = 32;
const PACE_MS = 500;

const ENV = { POSTHORN_WEBHOOK_CONCURRENCY: String(SLOTS), LOG_LEVEL: 'warn' };

describe('several nodes on one database', () => {
  let cluster: TestCluster;
  let receiver: Receiver;
  let nodes: readonly ClusterNode[];

  before(async () => {
    receiver = await Receiver.start((received, response) => {
      answer(received, response, 200, received.path.startsWith('/paced') ? PACE_MS : 0);
    });
    cluster = await TestCluster.sharing(NODES, ENV);
    nodes = cluster.nodes;
  });
  after(async () => {
    await cluster[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  const node = (i: number): ClusterNode => nodes[i % NODES] as ClusterNode;

  it('accept events at any of them, each delivered once', async () => {
    const webhook = await create(node(0), '/any');
    const ids = [];
    for (let i = 0; i < NODES * 5; i += 1) ids.push((await putIn(node(i))).id);
    await waitFor('all have arrived', () => receiver.at('/any').length >= ids.length);
    await recorded(webhook);
    assert.deepEqual(receiver.at('/any').map(eventOf).toSorted(), ids.toSorted());
    await remove(node(1), webhook.id);
  });

  it('match what another one has created or deleted, from the answer on', async () => {
    const webhooks: { id: number; path: string }[] = [];
    const wanted: string[] = [];
    const putInAt = async (i: number): Promise<void> => {
      const { id, deliveries } = await putIn(node(i));
      assert.equal(deliveries, webhooks.length);
      for (const { path } of webhooks) wanted.push(`${path} ${id}`);
    };
    for (let i = 0; i < ROUNDS; i += 1) {
      webhooks.push(await create(node(i), `/matched/${i}`));
      await putInAt(i + 1);
    }
    await waitFor('all have arrived', () => arrived('/matched/').length >= wanted.length);
    assert.deepEqual(arrived('/matched/').toSorted(), wanted.toSorted());
    for (let i = 0; webhooks.length > 0; i += 1) {
      await remove(node(i), webhooks.pop()?.id ?? 0);
      const { deliveries } = await putIn(node(i + 1));
      assert.equal(deliveries, webhooks.length);
    }
  });

  const meanwhile: Readonly<Record<string, (owner: ClusterNode) => Promise<unknown>>> = {
    'its owner has nothing else to do': async () => undefined,
    'its owner accepts an event': (owner) => putIn(owner),
    'its owner creates another webhook': async (owner) => {
      const { id } = await create(owner, '/meanwhile');
      return remove(owner, id);
    },
  };
  for (const [what, happens] of Object.entries(meanwhile)) {
    it(`stop sending to a webhook that another one has deleted while ${what}`, async () => {
      const path = `/paced/${what.replaceAll(' ', '-')}`;
      const webhook = await create(node(0), path);
      const owner = await ownerOf(webhook.id);
      for (let i = 0; i < 2 * IN_MEMORY; i += 1) await putIn(owner);
      const other = nodes.find((each) => each !== owner);
      assert.ok(other);
      await remove(other, webhook.id);
      const before = receiver.at(path).length;
      await happens(owner);
      await recorded(webhook);
      const later = receiver.at(path).length - before;
      // Within one second, says the contract: at this pace these are 8, and what was in flight.
      assert.ok(later < IN_MEMORY / 2, `${later} were sent after it was deleted`);
    });
  }

  async function create(at: ClusterNode, path: string): Promise<{ id: number; path: string }> {
    const { status, json } = await at.call('POST', '/api/v1/webhook/create', {
      webhook_url: receiver.url + path,
      association_type: 1,
    });
    assert.equal(status, 200, JSON.stringify(json));
    return { id: Number(json['id']), path };
  }

  async function ownerOf(webhookId: number): Promise<ClusterNode> {
    return waitFor('its shard is owned', async () => {
      for (const each of nodes) {
        const shards = await cluster.observer.ownedBy(each.name);
        if (shards.includes(webhookId % 64)) return each;
      }
      return undefined;
    });
  }

  /** Resolves when each POST that a webhook got is recorded, and none has followed it. */
  async function recorded({ id, path }: { id: number; path: string }): Promise<void> {
    let before = -1;
    await waitFor('all that was sent is recorded', async () => {
      const attempts = await cluster.observer.attemptsOf(id);
      const made = receiver.at(path).length;
      const quiet = made === attempts && made === before;
      before = made === attempts ? made : -1;
      return quiet;
    });
  }

  function arrived(prefix: string): string[] {
    const posts = receiver.received.filter(({ path }) => path.startsWith(prefix));
    return posts.map((post) => `${post.path} ${eventOf(post)}`);
  }
});

async function remove(at: ClusterNode, id: number): Promise<void> {
  const { status } = await at.call('DELETE', `/api/v1/webhook/delete/${id}`);
  assert.equal(status, 200);
}

/** An event that every webhook of user level gets. */
async function putIn(at: ClusterNode): Promise<{ id: string; deliveries: number }> {
  const { status, json } = await at.call('POST', '/api/v1/events', {
    event_type: 'REPLIED',
    campaign_id: 1,
    lead_email: 'lead@example.com',
  });
  assert.equal(status, 202, JSON.stringify(json));
  const [event] = json['events'] as { id: string; deliveries: number }[];
  assert.ok(event);
  return event;
}

function eventOf(post: Received): string {
  return String(post.headers['webhook-id']);
}
