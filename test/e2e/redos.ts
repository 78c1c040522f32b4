import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
import { answer, Receiver } from './receiver.ts';
import { attemptsOf, createWebhook, delivery, inStatus, putIn, type Called } from './scene.ts';
import { waitFor } from './wait-for.ts';

const ENV = { POSTHORN_RETRY_SCHEDULE: '100ms,100ms', LOG_LEVEL: 'warn' };
const HOUR = 3_600_000;

type Json = Record<string, unknown>;

const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();

async function post(server: Called, path: string, body?: Json): Promise<Json> {
  const { status, json } = await server.call('POST', `/api/v1${path}`, body);
  assert.equal(status, 200, JSON.stringify(json));
  return (json['data'] ?? {}) as Json;
}

function retry(server: Called, eventId: string, webhookId: number): Promise<Json> {
  return post(server, `/deliveries/dlv_${eventId.slice(4)}_${webhookId}/retry`);
}

async function redo(server: Called, id: unknown): Promise<Json> {
  return (await server.call('GET', `/api/v1/redos/${String(id)}`)).json['data'] as Json;
}

/** Puts so many events in, a thousand at a time; their ids. */
async function putInMany(server: Called, many: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < many) {
    const some = Math.min(1_000, many - ids.length);
    const events = Array.from({ length: some }, (_, i) => ({
      event_type: 'SENT',
      campaign_id: 1,
      lead_email: `l${i}@example.com`,
    }));
    const { status, json } = await server.call('POST', '/api/v1/events', events);
    assert.equal(status, 202);
    ids.push(...(json['events'] as { id: string }[]).map(({ id }) => id));
  }
  return ids;
}

function timesReceived(receiver: Receiver): Map<string, number> {
  const times = new Map<string, number>();
  for (const { headers } of receiver.received) {
    const id = String(headers['webhook-id']);
    times.set(id, (times.get(id) ?? 0) + 1);
  }
  return times;
}

async function allIn(server: Called, status: string, webhookId: number): Promise<void> {
  const page = `webhook_id=${webhookId}&limit=1`;
  for (const other of ['pending', 'succeeded', 'exhausted', 'canceled']) {
    if (other === status) continue;
    await waitFor(
      `nothing is ${other}`,
      async () => {
        const { json } = await server.call('GET', `/api/v1/deliveries?${page}&status=${other}`);
        return (json['data'] as Json[]).length === 0;
      },
      120_000,
    );
  }
}

describe('a delivery that is retried', () => {
  it('gets one attempt more, numbered on, and is exhausted where that fails', async () => {
    await using directory = await temporaryDirectory();
    let status = 500;
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, status),
    );
    await using server = await PosthornProcess.start({ directory: directory.path, env: ENV });
    const { id } = await createWebhook(server, receiver.url);
    const event = await putIn(server);
    await inStatus(server, event, id, 'exhausted');
    assert.equal(receiver.received.length, 3);
    await retry(server, event, id);
    const failed = await waitFor('it failed again', async () => {
      const found = await delivery(server, event, id);
      return found['attempt_count'] === 4 && found;
    });
    assert.equal(failed['status'], 'exhausted', 'no schedule begins anew');
    status = 200;
    await retry(server, event, id);
    const succeeded = await inStatus(server, event, id, 'succeeded');
    await retry(server, event, id);
    await waitFor('it is sent though it has succeeded', () => receiver.received.length === 6);
    assert.deepEqual(
      attemptsOf(succeeded).map((attempt) => [attempt['number'], attempt['response_status']]),
      [500, 500, 500, 500, 200].map((code, i) => [i + 1, code]),
    );
    const other = await putIn(server);
    await inStatus(server, other, id, 'succeeded');
    status = 500;
    await retry(server, other, id);
    // Its second attempt: the schedule would have two more.
    const given = await inStatus(server, other, id, 'exhausted');
    assert.equal(given['attempt_count'], 2);
    const [first, ...others] = receiver.received.filter(
      ({ headers }) => headers['webhook-id'] === event,
    );
    for (const { headers, body } of others) {
      assert.deepEqual([headers['webhook-id'], body], [event, first?.body]);
    }
  });

  it('waits with a paused webhook, and is refused while it is in flight', async () => {
    await using directory = await temporaryDirectory();
    const goOn = Promise.withResolvers<void>();
    await using receiver = await Receiver.start((received, response) => {
      const hold = receiver.received.length === 2 ? goOn.promise : Promise.resolve();
      void hold.then(() => answer(received, response, 200));
    });
    await using server = await PosthornProcess.start({ directory: directory.path, env: ENV });
    const { id } = await createWebhook(server, receiver.url);
    const event = await putIn(server);
    await inStatus(server, event, id, 'succeeded');
    await post(server, `/webhook/${id}/pause`);
    await retry(server, event, id);
    assert.equal((await delivery(server, event, id))['status'], 'pending');
    assert.equal(receiver.received.length, 1);
    await post(server, `/webhook/${id}/resume`);
    await waitFor('it is in flight', () => receiver.received.length === 2);
    const path = `/api/v1/deliveries/dlv_${event.slice(4)}_${id}/retry`;
    assert.equal((await server.call('POST', path)).status, 409);
    goOn.resolve();
    await inStatus(server, event, id, 'succeeded');
    assert.equal(receiver.received.length, 2);
  });
});

describe('a replay', () => {
  it('begins the retry schedule anew', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, 500),
    );
    await using server = await PosthornProcess.start({ directory: directory.path, env: ENV });
    const { id } = await createWebhook(server, receiver.url);
    const event = await putIn(server);
    await inStatus(server, event, id, 'exhausted');
    const data = await post(server, `/webhook/${id}/replay`, { from: ago(HOUR) });
    assert.deepEqual([data['count'], data['done'], data['status']], [1, 1, 'done']);
    await waitFor('it has had its schedule again', async () => {
      const found = await delivery(server, event, id);
      return found['attempt_count'] === 6 && found['status'] === 'exhausted';
    });
    assert.equal(receiver.received.length, 6);
  });

  it('of 20,000 sends each once more, and holds up no event that comes in meanwhile', async () => {
    const many = 20_000;
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    await using server = await PosthornProcess.start({ directory: directory.path, env: ENV });
    const { id } = await createWebhook(server, receiver.url);
    const events = await putInMany(server, many);
    await waitFor('all have arrived', () => receiver.received.length >= many, 120_000);
    await allIn(server, 'succeeded', id);
    const asked = { from: ago(HOUR), statuses: ['succeeded'] };
    const started = await post(server, `/webhook/${id}/replay`, asked);
    assert.equal(started['count'], many);
    const live: string[] = [];
    let most = 0;
    for (;;) {
      const event = await putIn(server);
      live.push(event);
      const before = receiver.received.length;
      const place = await waitFor('a live event arrives', () => {
        const at = receiver.received.findIndex(({ headers }) => headers['webhook-id'] === event);
        return at === -1 ? 0 : at + 1;
      });
      most = Math.max(most, place - before);
      // All that was put back has arrived, wherever it waited.
      if (receiver.received.length >= 2 * many) break;
    }
    const total = 2 * many + live.length;
    await waitFor('all have arrived again', () => receiver.received.length >= total, 120_000);
    await allIn(server, 'succeeded', id);
    console.log(
      `replayed ${many}, live events meanwhile ${live.length}, overtaken by at most ${most}`,
    );
    assert.ok(most <= 300, `a live event waited behind ${most}: a step, and what was in flight`);
    assert.ok(live.length > 10, 'there were live events meanwhile');
    assert.equal(receiver.received.length, total, 'none is sent more often');
    const times = timesReceived(receiver);
    assert.ok(events.every((each) => times.get(each) === 2));
    assert.ok(live.every((each) => times.get(each) === 1));
    const { status, count, done } = await redo(server, started['id']);
    assert.deepEqual([status, count, done], ['done', many, many]);
  });

  it('goes on after a kill where it was', async () => {
    const many = 3_000;
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    const options = { directory: directory.path, env: ENV };
    const { id, events, started } = await (async () => {
      await using server = await PosthornProcess.start(options);
      const webhook = await createWebhook(server, receiver.url);
      const ids = await putInMany(server, many);
      await allIn(server, 'succeeded', webhook.id);
      const asked = { from: ago(HOUR), statuses: ['succeeded'] };
      const data = await post(server, `/webhook/${webhook.id}/replay`, asked);
      await waitFor('it is half-way', () => receiver.received.length > 1.2 * many);
      await server.end('SIGKILL');
      return { id: webhook.id, events: ids, started: data };
    })();
    await using server = await PosthornProcess.start(options);
    await waitFor(
      'it is done',
      async () => (await redo(server, started['id']))['status'] === 'done',
    );
    await allIn(server, 'succeeded', id);
    const { count, done } = await redo(server, started['id']);
    assert.deepEqual([count, done], [many, many]);
    const times = timesReceived(receiver);
    assert.ok(
      events.every((each) => (times.get(each) ?? 0) >= 2),
      'each is sent once more',
    );
    const more = receiver.received.length - 2 * many;
    // Sent by the process that was killed, and not recorded: what was in flight, and unrecorded.
    assert.ok(more <= 1_024 + 64, `${more} were sent once more than that`);
  });
});

describe('a backfill', () => {
  it('sends what a webhook missed, once', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    await using server = await PosthornProcess.start({ directory: directory.path, env: ENV });
    const events = await putInMany(server, 500);
    const { id } = await createWebhook(server, receiver.url);
    const from = ago(HOUR);
    const first = await post(server, `/webhook/${id}/backfill`, { from });
    assert.equal(first['count'], 500);
    await waitFor('all have arrived', () => receiver.received.length >= 500);
    await allIn(server, 'succeeded', id);
    assert.deepEqual(
      new Map(events.map((each) => [each, 1])),
      new Map(events.map((each) => [each, timesReceived(receiver).get(each)])),
    );
    const again = await post(server, `/webhook/${id}/backfill`, { from, dry_run: true });
    assert.deepEqual(again, { count: 0 });
  });
});
