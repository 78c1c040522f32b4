import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { answer, Receiver } from '../e2e/receiver.ts';
import { createWebhook, inStatus, putIn } from '../e2e/scene.ts';
import { waitFor } from '../e2e/wait-for.ts';
import type { ClusterNode } from './cluster-node.ts';
import { TestCluster } from './test-cluster.ts';

const NODES = 3;
const PACE_MS = 50;

describe('pausing at one node', () => {
  let cluster: TestCluster;
  let receiver: Receiver;

  before(async () => {
    receiver = await Receiver.start((received, response) =>
      answer(received, response, 200, received.path === '/paced' ? PACE_MS : 0),
    );
    cluster = await TestCluster.sharing(NODES, { LOG_LEVEL: 'warn' });
  });
  after(async () => {
    await cluster[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  const node = (i: number): ClusterNode => cluster.nodes[i % NODES] as ClusterNode;

  it('holds at its owner within a second, and resuming at another finds all that waited', async () => {
    // Webhooks of every node's shards, each paused and resumed by another node than the last one.
    for (let i = 0; i < 2 * NODES; i += 1) {
      const { id } = await createWebhook(node(i), `${receiver.url}/p${i}`);
      await call(node(i + 1), `${id}/pause`);
      const events: string[] = [];
      for (let n = 0; n < NODES; n += 1) events.push(await putIn(node(n)));
      // What goes round with them has come through: they could have, too.
      const other = await createWebhook(node(i), `${receiver.url}/other${i}`);
      await inStatus(node(0), await putIn(node(i + 2)), other.id, 'succeeded');
      assert.equal(receiver.at(`/p${i}`).length, 0);
      await call(node(i + 2), `${id}/resume`);
      for (const event of events) await inStatus(node(i), event, id, 'succeeded');
      await node(i).call('DELETE', `/api/v1/webhook/delete/${id}`);
      await node(i).call('DELETE', `/api/v1/webhook/delete/${other.id}`);
    }
  });

  it('stops one that is being sent to', async () => {
    const { id } = await createWebhook(node(0), `${receiver.url}/paced`, { concurrency: 1 });
    const events = await Promise.all(Array.from({ length: 200 }, (_, i) => putIn(node(i))));
    await waitFor('it is being sent to', () => receiver.at('/paced').length > 10);
    await call(node(1), `${id}/pause`);
    const atPause = receiver.at('/paced').length;
    let before = -1;
    await waitFor('nothing comes any more', async () => {
      const quiet = receiver.at('/paced').length === before;
      before = receiver.at('/paced').length;
      await new Promise((resolve) => setTimeout(resolve, 5 * PACE_MS));
      return quiet;
    });
    // Within one second, says the contract: at this pace these are 20, and what was in flight.
    assert.ok(before - atPause <= 1_000 / PACE_MS + 1, `${before - atPause} came after it`);
    assert.ok(before < events.length, 'it was not over by itself');
    await call(node(2), `${id}/resume`);
    for (const event of events) await inStatus(node(0), event, id, 'succeeded');
    assert.equal(receiver.at('/paced').length, events.length, 'each once');
  });
});

async function call(at: ClusterNode, path: string): Promise<void> {
  assert.equal((await at.call('POST', `/api/v1/webhook/${path}`)).status, 200);
}
