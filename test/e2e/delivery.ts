import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
import { answer, Receiver, type Received } from './receiver.ts';
import { waitFor } from './wait-for.ts';

type Json = Record<string, unknown>;

const FAST = { POSTHORN_RETRY_SCHEDULE: '100ms,100ms,100ms', LOG_LEVEL: 'warn' };

async function createWebhook(
  server: PosthornProcess,
  url: string,
  more: Json = {},
): Promise<number> {
  const { status, json } = await server.call('POST', '/api/v1/webhook/create', {
    webhook_url: url,
    association_type: 1,
    ...more,
  });
  assert.equal(status, 200, JSON.stringify(json));
  return Number(json['id']);
}

async function post(server: PosthornProcess, count = 1, more: Json = {}): Promise<string[]> {
  const events = Array.from({ length: count }, () => ({
    event_type: 'SENT',
    campaign_id: 1,
    lead_email: 'a@example.com',
    ...more,
  }));
  const { status, json } = await server.call('POST', '/api/v1/events', events);
  assert.equal(status, 202, JSON.stringify(json));
  return (json['events'] as { id: string }[]).map(({ id }) => id);
}

async function delivery(server: PosthornProcess, eventId: string, webhook: number): Promise<Json> {
  const path = `/api/v1/deliveries/dlv_${eventId.slice(4)}_${webhook}`;
  return (await server.call('GET', path)).json['data'] as Json;
}

async function inStatus(
  server: PosthornProcess,
  eventId: string,
  webhook: number,
  status: string,
): Promise<Json> {
  return waitFor(`delivery ${status}`, async () => {
    const found = await delivery(server, eventId, webhook);
    return found['status'] === status && found;
  });
}

function attempts(found: Json): Json[] {
  return found['attempts'] as Json[];
}

/** Answers the statuses in turn, the last one again and again. */
function inTurn(
  ...statuses: number[]
): (r: Received, response: Parameters<typeof answer>[1]) => void {
  return (received, response) =>
    answer(received, response, (statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 200);
}

describe('retries', () => {
  it('send the same body and id again until a 2xx, and record every attempt', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start(inTurn(500, 302, 200));
    await using server = await PosthornProcess.start({ directory: directory.path, env: FAST });
    const webhook = await createWebhook(server, `${receiver.url}/r`);
    const [event = ''] = await post(server, 1, { subject: 'ünïcödé 🎺' });
    const found = await inStatus(server, event, webhook, 'succeeded');
    assert.deepEqual(
      attempts(found).map((a) => [a['number'], a['outcome'], a['response_status']]),
      [
        [1, 'rejected', 500],
        [2, 'rejected', 302],
        [3, 'delivered', 200],
      ],
    );
    assert.equal(receiver.received.length, 3);
    assert.equal(new Set(receiver.received.map(({ body }) => body)).size, 1);
    assert.equal(new Set(receiver.received.map((r) => r.headers['webhook-id'])).size, 1);
    assert.deepEqual(
      receiver.received.map((r) => r.headers['x-posthorn-attempt']),
      ['1', '2', '3'],
    );
  });

  it('end as exhausted after the last of the schedule', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start(inTurn(500));
    await using server = await PosthornProcess.start({ directory: directory.path, env: FAST });
    const webhook = await createWebhook(server, receiver.url);
    const [event = ''] = await post(server);
    const found = await inStatus(server, event, webhook, 'exhausted');
    assert.equal(found['attempt_count'], 4);
    assert.equal(attempts(found).length, 4);
    assert.equal(found['next_attempt_at'], null);
    const { json } = await server.call('GET', `/api/v1/webhook/${webhook}`);
    const health = (json['data'] as Json)['health'] as Json;
    assert.equal(health['consecutive_failures'], 4);
    assert.equal(health['last_success_at'], null);
  });

  it('go on after a restart, at the attempt where they were', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start(inTurn(503, 200));
    const options = {
      directory: directory.path,
      env: { ...FAST, POSTHORN_RETRY_SCHEDULE: '1s,1s' },
    };
    await using first = await PosthornProcess.start(options);
    const webhook = await createWebhook(first, receiver.url);
    const [event = ''] = await post(first);
    await waitFor(
      'the first attempt is recorded',
      async () => attempts(await delivery(first, event, webhook)).length === 1,
    );
    assert.equal(await first.end('SIGTERM'), 0);
    await using second = await PosthornProcess.start(options);
    const found = await inStatus(second, event, webhook, 'succeeded');
    assert.equal(attempts(found).length, 2);
    assert.equal(receiver.received.length, 2);
  });

  it('wait for Retry-After on 429', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start((received, response) => {
      response.setHeader('retry-after', '3600');
      answer(received, response, 429);
    });
    await using server = await PosthornProcess.start({ directory: directory.path, env: FAST });
    const webhook = await createWebhook(server, receiver.url);
    const [event = ''] = await post(server);
    const found = await waitFor('the attempt', async () => {
      const seen = await delivery(server, event, webhook);
      return attempts(seen).length === 1 && seen;
    });
    const wait = Date.parse(String(found['next_attempt_at'])) - Date.now();
    assert.ok(wait > 3_000_000 && wait <= 3_600_000, `${wait}`);
  });

  it('stop for good on 410: the webhook is disabled and what waits is canceled', async () => {
    await using directory = await temporaryDirectory();
    let gone = false;
    await using receiver = await Receiver.start((r, response) =>
      answer(r, response, gone ? 410 : 500),
    );
    await using server = await PosthornProcess.start({
      directory: directory.path,
      env: { ...FAST, POSTHORN_RETRY_SCHEDULE: '300ms,1h' },
    });
    const webhook = await createWebhook(server, receiver.url);
    const waiting = await post(server, 3);
    await waitFor('three failures', () => receiver.received.length === 3);
    gone = true;
    await waitFor('disabled', async () => {
      const { json } = await server.call('GET', `/api/v1/webhook/${webhook}`);
      const data = json['data'] as Json;
      return data['status'] === 'disabled' && /410/.test(String(data['disabled_reason']));
    });
    for (const event of waiting) await inStatus(server, event, webhook, 'canceled');
    const [later = ''] = await post(server);
    const { json } = await server.call('GET', `/api/v1/deliveries?event_id=${later}`);
    assert.deepEqual(json['data'], [], 'a disabled webhook matches nothing');
  });
});

describe('deleting and changing a webhook', () => {
  it('cancels what waits; an attempt in flight is recorded, and canceled stands', async () => {
    await using directory = await temporaryDirectory();
    let release: (() => void) | undefined;
    await using receiver = await Receiver.start((received, response) => {
      release = () => answer(received, response, 200);
    });
    await using server = await PosthornProcess.start({
      directory: directory.path,
      env: { ...FAST, POSTHORN_WEBHOOK_CONCURRENCY: '1' },
    });
    const webhook = await createWebhook(server, receiver.url);
    const events = await post(server, 3);
    await waitFor('one in flight', () => receiver.received.length === 1);
    const { status } = await server.call('DELETE', `/api/v1/webhook/delete/${webhook}`);
    assert.equal(status, 200);
    for (const event of events) {
      assert.equal((await delivery(server, event, webhook))['status'], 'canceled');
    }
    release?.();
    const inFlight = receiver.received[0]?.headers['webhook-id'] ?? '';
    const found = await waitFor('the attempt is recorded', async () => {
      const seen = await delivery(server, String(inFlight), webhook);
      return attempts(seen).length === 1 && seen;
    });
    assert.equal(found['status'], 'canceled');
    assert.equal(attempts(found)[0]?.['outcome'], 'delivered');
    await post(server);
    assert.equal(receiver.received.length, 1, 'no new attempt after the delete was answered');
  });

  it('sends what was pending to the new URL, with the body it had', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, received.path === '/old' ? 500 : 200),
    );
    await using server = await PosthornProcess.start({
      directory: directory.path,
      env: { ...FAST, POSTHORN_RETRY_SCHEDULE: '500ms,1h' },
    });
    const webhook = await createWebhook(server, `${receiver.url}/old`);
    const [event = ''] = await post(server);
    await waitFor('the failure', () => receiver.at('/old').length === 1);
    await server.call('PUT', `/api/v1/webhook/update/${webhook}`, {
      webhook_url: `${receiver.url}/new`,
    });
    const found = await inStatus(server, event, webhook, 'succeeded');
    assert.equal(receiver.at('/new')[0]?.body, receiver.at('/old')[0]?.body);
    assert.deepEqual(
      attempts(found).map((a) => (a['request'] as Json)['url']),
      [`${receiver.url}/old`, `${receiver.url}/new`],
    );
  });
});

describe('accepting', () => {
  it('takes one event id once, also from many callers at the same time', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    await using server = await PosthornProcess.start({ directory: directory.path, env: FAST });
    await createWebhook(server, receiver.url);
    const call = (): Promise<{ status: number; json: Json }> =>
      server.call('POST', '/api/v1/events', {
        event_id: 'only-once',
        event_type: 'SENT',
        campaign_id: 1,
        lead_email: 'a@example.com',
      });
    const answers = await Promise.all(Array.from({ length: 40 }, call));
    answers.push(await call());
    const events = answers.flatMap(({ json }) => json['events'] as Json[]);
    assert.equal(new Set(events.map((e) => e['id'])).size, 1);
    assert.equal(events.filter((e) => e['duplicate'] === false).length, 1);
    assert.deepEqual(new Set(events.map((e) => e['deliveries'])), new Set([1]));
    await waitFor('the POST', () => receiver.received.length > 0);
    await server.end('SIGTERM');
    assert.equal(receiver.received.length, 1);
  });

  it('matches a webhook from the moment its create call was answered', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    await using server = await PosthornProcess.start({ directory: directory.path, env: FAST });
    for (let made = 1; made <= 25; made += 1) {
      const busy = Promise.all([post(server), post(server), post(server)]);
      await createWebhook(server, `${receiver.url}/${made}`);
      const { json } = await server.call('POST', '/api/v1/events', {
        event_type: 'SENT',
        campaign_id: 1,
        lead_email: 'a@example.com',
      });
      assert.equal((json['events'] as Json[])[0]?.['deliveries'], made);
      await busy;
    }
  });
});

describe('endpoints that hang', () => {
  it('slow no other: 40 of 60 hang, some on one origin with healthy ones', async () => {
    await using directory = await temporaryDirectory();
    let hungEnded = 0;
    await using receiver = await Receiver.start((received, response) => {
      if (!received.path.startsWith('/hang')) return answer(received, response, 200);
      response.on('close', () => (hungEnded += 1));
    });
    await using server = await PosthornProcess.start({
      directory: directory.path,
      // Long enough that every healthy delivery has to come while the others still hang.
      env: { ...FAST, POSTHORN_REQUEST_TIMEOUT: '60s' },
    });
    for (let i = 0; i < 60; i += 1) {
      await createWebhook(server, `${receiver.url}/${i < 40 ? 'hang' : 'ok'}/${i}`);
    }
    const events = 200;
    for (let sent = 0; sent < events; sent += 20) await post(server, 20);
    const healthy = (): number => receiver.received.filter((r) => r.path.startsWith('/ok')).length;
    await waitFor('every healthy delivery', () => healthy() === 20 * events, 50_000);
    assert.equal(hungEnded, 0, 'all that hung was hanging still');
  });
});

describe('ending', () => {
  it('is in order also where the signal comes as soon as it says that it listens', async () => {
    for (let n = 1; n <= 6; n += 1) {
      await using directory = await temporaryDirectory();
      await using server = await PosthornProcess.start({ directory: directory.path, env: FAST });
      assert.equal(await server.end('SIGTERM'), 0);
    }
  });

  it('lets a request in flight end and records it; the exit code is 0', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start((r, response) => answer(r, response, 200, 700));
    const options = { directory: directory.path, env: FAST };
    await using server = await PosthornProcess.start(options);
    const webhook = await createWebhook(server, receiver.url);
    const [event = ''] = await post(server);
    await waitFor('in flight', () => receiver.received.length === 1);
    assert.equal(await server.end('SIGTERM'), 0);
    await using again = await PosthornProcess.start(options);
    const found = await delivery(again, event, webhook);
    assert.equal(found['status'], 'succeeded');
    assert.equal(receiver.received.length, 1);
  });
});
