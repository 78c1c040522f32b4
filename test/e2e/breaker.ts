import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
import { answer, Receiver } from './receiver.ts';
import { createWebhook, putIn, type Called } from './scene.ts';
import { waitFor } from './wait-for.ts';

type Json = Record<string, unknown>;

const EVENTS = 80;
const ENV = {
  LOG_LEVEL: 'warn',
  POSTHORN_WEBHOOK_CONCURRENCY: '4',
  POSTHORN_RETRY_SCHEDULE: Array.from({ length: 40 }, () => '1s').join(','),
};

async function health(server: Called, id: number): Promise<Json> {
  const { json } = await server.call('GET', `/api/v1/webhook/${id}`);
  return (json['data'] as { health: Json }).health;
}

async function listed(server: Called, path: string): Promise<Json[]> {
  const { json } = await server.call('GET', `/api/v1/${path}`);
  return json['data'] as Json[];
}

async function nonePending(server: Called): Promise<boolean> {
  return (await listed(server, 'deliveries?status=pending&limit=1')).length === 0;
}

async function putMany(server: Called, count: number): Promise<void> {
  const event = { event_type: 'SENT', campaign_id: 1, lead_email: 'a@example.com' };
  const { status } = await server.call(
    'POST',
    '/api/v1/events',
    Array.from({ length: count }, () => event),
  );
  assert.equal(status, 202);
}

describe('a webhook whose breaker is open', () => {
  it('is probed only, also after a SIGKILL, and recovers by itself', async () => {
    await using directory = await temporaryDirectory();
    let down = true;
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, down ? 503 : 200),
    );
    const start = (): Promise<PosthornProcess> =>
      PosthornProcess.start({ directory: directory.path, env: ENV });
    await using first = await start();
    const { id } = await createWebhook(first, receiver.url);
    const fresh = await health(first, id);
    assert.deepEqual([fresh['breaker'], fresh['next_probe_at']], ['closed', null]);
    await putMany(first, EVENTS);
    const opened = await waitFor('open', async () => {
      const now = await health(first, id);
      return now['breaker'] === 'open' && now;
    });
    await waitFor('a probe or two', async () => {
      const { next_probe_at: next } = await health(first, id);
      return Date.parse(String(next)) > Date.parse(String(opened['next_probe_at'])) + 1_500;
    });
    assert.ok(receiver.received.length < EVENTS / 2, `${receiver.received.length} requests`);
    await first.end('SIGKILL');

    const sent = receiver.received.length;
    await using second = await start();
    const before = await health(second, id);
    assert.equal(before['breaker'], 'open');
    await waitFor('another probe', async () => {
      return (await health(second, id))['next_probe_at'] !== before['next_probe_at'];
    });
    // One that was in flight at the kill, and the probe; another may be on its way.
    assert.ok(receiver.received.length - sent <= 3, `${receiver.received.length - sent} requests`);
    down = false;
    await waitFor('all delivered', () => nonePending(second), 40_000);
    const after = await health(second, id);
    assert.deepEqual([after['breaker'], after['next_probe_at']], ['closed', null]);
    assert.equal(after['consecutive_failures'], 0);
    const succeeded = receiver.received.filter(({ status }) => status === 200);
    assert.equal(new Set(succeeded.map(({ headers }) => headers['webhook-id'])).size, EVENTS);
  });
});

describe('operational events', () => {
  it('are stored once each, whenever the server is killed', async () => {
    const [webhooks, each, kills] = [8, 5, 4];
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, received.path === '/watch' ? 200 : 500, 5),
    );
    const start = (): Promise<PosthornProcess> =>
      PosthornProcess.start({ directory: directory.path, env: ENV });
    let server = await start();
    try {
      const made: number[] = [];
      for (let i = 0; i < webhooks; i += 1) {
        const campaign = { association_type: 3, email_campaign_id: i + 1 };
        const eventTypeMap = { SENT: true, DELIVERY_EXHAUSTED: true };
        const policy = { retry_schedule: ['1s'], concurrency: 1, event_type_map: eventTypeMap };
        made.push(
          (await createWebhook(server, `${receiver.url}/${i}`, { ...campaign, ...policy })).id,
        );
      }
      const watch = { event_type_map: { DELIVERY_EXHAUSTED: true, WEBHOOK_FAILING: true } };
      const watcher = await createWebhook(server, `${receiver.url}/watch`, watch);
      for (let n = 0; n < each; n += 1) {
        for (let i = 0; i < webhooks; i += 1) await putIn(server, { campaign_id: i + 1 });
      }
      const exhausted = async (): Promise<Json[]> =>
        (await listed(server, 'deliveries?status=exhausted&limit=100')).filter(
          ({ webhook_id: id }) => id !== watcher.id,
        );
      for (let kill = 1; kill <= kills; kill += 1) {
        const wanted = (webhooks * each * kill) / (kills + 1);
        await waitFor('some are given up', async () => (await exhausted()).length >= wanted);
        await server.end('SIGKILL');
        server = await start();
      }
      await waitFor('all', async () => (await exhausted()).length === webhooks * each, 60_000);
      await waitFor('all sent', () => nonePending(server));
      await waitFor('all told', async () => {
        return (
          (await listed(server, 'events?event_type=DELIVERY_EXHAUSTED&limit=100')).length >= 40
        );
      });
      // Whoever stops lets what is under way end: what is made twice would be there by then.
      assert.equal(await server.end('SIGTERM'), 0);
      server = await start();
      const events = await listed(server, 'events?event_type=DELIVERY_EXHAUSTED&limit=100');
      const about: unknown[] = [];
      for (const { id } of events) {
        const { json } = await server.call('GET', `/api/v1/events/${String(id)}`);
        about.push((json['data'] as { payload: Json }).payload['delivery_id']);
      }
      const ids = (await exhausted()).map(({ id }) => id);
      assert.equal(about.length, ids.length);
      assert.deepEqual(new Set(about), new Set(ids));
      const why = await listed(server, `events/${String(events[0]?.['id'])}/explain`);
      const reasons = why.map(({ webhook_id: id, reason }) =>
        id === watcher.id ? 'watcher' : reason,
      );
      // Each is subscribed to its own campaign's: nobody but the one that it is about would get it.
      assert.deepEqual(reasons.filter((reason) => reason === 'about_itself').length, 1);
      assert.equal(reasons.filter((reason) => reason === 'other_campaign').length, made.length - 1);
      const failing = await listed(server, 'events?event_type=WEBHOOK_FAILING&limit=100');
      assert.equal(failing.length, made.length, 'ten failures each, no success');
      await waitFor('the watcher has all', async () => {
        return (
          (await listed(server, `deliveries?webhook_id=${watcher.id}&status=succeeded&limit=100`))
            .length ===
          webhooks * each + webhooks
        );
      });
    } finally {
      await server.end('SIGKILL');
    }
  });
});
