import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SHARD_COUNT } from '../../src/domain/shard.ts';
import { answer, Receiver } from '../e2e/receiver.ts';
import { createWebhook } from '../e2e/scene.ts';
import { waitFor } from '../e2e/wait-for.ts';
import type { ClusterNode } from './cluster-node.ts';
import { TestCluster } from './test-cluster.ts';

type Json = Record<string, unknown>;

const WEBHOOKS = 6;
const EVENTS = 60;
const ENV = {
  LOG_LEVEL: 'warn',
  POSTHORN_WEBHOOK_CONCURRENCY: '4',
  POSTHORN_RETRY_SCHEDULE: Array.from({ length: 60 }, () => '1s').join(','),
};
/** Those of two nodes, whichever of them owns it, while a shard moves: far below the 60 that wait. */
const MOST_PROBES = 5;

async function listed(node: ClusterNode, path: string): Promise<Json[]> {
  const { json } = await node.call('GET', `/api/v1/${path}`);
  return json['data'] as Json[];
}

async function nextProbes(node: ClusterNode): Promise<Map<unknown, unknown>> {
  const webhooks = await listed(node, 'webhook?limit=100');
  return new Map(
    webhooks.map(({ id, health }) => [id, (health as Json)['next_probe_at']] as const),
  );
}

describe('a webhook whose breaker is open', () => {
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    it(`stays probed only when its shard moves (${signal}), and each event about it is one`, async () => {
      await using cluster = await TestCluster.sharing(2, ENV);
      let down = true;
      await using receiver = await Receiver.start((received, response) =>
        answer(received, response, down && received.path !== '/watch' ? 500 : 200),
      );
      const [one, other] = cluster.nodes;
      assert.ok(one && other);
      const ids: number[] = [];
      for (let i = 0; i < WEBHOOKS; i += 1) {
        ids.push((await createWebhook(one, `${receiver.url}/${i}`)).id);
      }
      const watch = { WEBHOOK_FAILING: true, WEBHOOK_RECOVERED: true, DELIVERY_EXHAUSTED: true };
      const watcher = await createWebhook(one, `${receiver.url}/watch`, { event_type_map: watch });
      const event = { event_type: 'SENT', campaign_id: 1, lead_email: 'a@example.com' };
      await one.call(
        'POST',
        '/api/v1/events',
        Array.from({ length: EVENTS }, () => event),
      );
      const open = async (node: ClusterNode): Promise<Map<unknown, unknown> | false> => {
        const probes = await nextProbes(node);
        return ids.every((id) => probes.get(id) !== null) && probes;
      };
      await waitFor('all are open', () => open(one), 40_000);

      const before = ids.map((_, i) => receiver.at(`/${i}`).length);
      await cluster.end(other, signal);
      await waitFor('one has all', async () => {
        return Object.values(await cluster.observer.owned()).every(
          (owned) => owned === SHARD_COUNT,
        );
      });
      const taken = await waitFor('still open', () => open(one));
      await waitFor(
        'each is probed',
        async () => {
          const now = await nextProbes(one);
          return ids.every((id) => now.get(id) !== taken.get(id));
        },
        60_000,
      );
      for (const [i, sent] of before.entries()) {
        const more = receiver.at(`/${i}`).length - sent;
        assert.ok(more <= MOST_PROBES, `${more} requests to /${i}`);
      }
      down = false;
      await waitFor(
        'all delivered',
        async () => {
          return (await listed(one, 'deliveries?status=pending&limit=1')).length === 0;
        },
        90_000,
      );
      const told = async (): Promise<string[]> => {
        const types = Object.keys(watch).map((type) =>
          listed(one, `events?event_type=${type}&limit=100`),
        );
        return (await Promise.all(types)).map((events) => String(events.length));
      };
      const wanted = [String(WEBHOOKS), String(WEBHOOKS), '0'];
      await waitFor('each told', async () => String(await told()) === String(wanted));
      await waitFor('and sent', async () => {
        const path = `deliveries?webhook_id=${watcher.id}&status=succeeded&limit=100`;
        return (await listed(one, path)).length === 2 * WEBHOOKS;
      });
      assert.deepEqual(await told(), wanted);
    });
  }

  it('is sent what a person retries at any node, without waiting for its probe', async () => {
    await using cluster = await TestCluster.sharing(2, ENV);
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, 500),
    );
    const [one, other] = cluster.nodes;
    assert.ok(one && other);
    const { id } = await createWebhook(one, receiver.url, { retry_schedule: [] });
    const event = { event_type: 'SENT', campaign_id: 1, lead_email: 'a@example.com' };
    await one.call('POST', '/api/v1/events', event);
    const [exhausted] = await waitFor('given up on', async () => {
      const found = await listed(one, 'deliveries?status=exhausted');
      return found.length > 0 && found;
    });
    assert.ok(exhausted);
    await one.call('PUT', `/api/v1/webhook/update/${id}`, { retry_schedule: null });
    const many = Array.from({ length: EVENTS }, () => event);
    await one.call('POST', '/api/v1/events', many);
    await waitFor('open', async () => (await nextProbes(one)).get(id) !== null);
    for (const node of [one, other]) {
      await waitFor(
        'it goes out, and no probe meanwhile',
        async () => {
          const before = (await nextProbes(node)).get(id);
          const sent = receiver.received.length;
          await node.call('POST', `/api/v1/deliveries/${String(exhausted['id'])}/retry`);
          await waitFor('an attempt', () => receiver.received.length > sent);
          const ids = receiver.received.slice(sent).map(({ headers }) => headers['webhook-id']);
          await waitFor('it has ended', async () => {
            const [ended] = await listed(node, 'deliveries?status=exhausted');
            return ended !== undefined;
          });
          const alone = ids.length === 1 && ids[0] === exhausted['event_id'];
          return alone && (await nextProbes(node)).get(id) === before;
        },
        60_000,
      );
    }
  });
});
