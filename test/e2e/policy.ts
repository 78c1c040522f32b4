import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
import { answer, Receiver } from './receiver.ts';
import { attemptsOf, createWebhook, delivery, inStatus, mostInASecond, putIn } from './scene.ts';
import { waitFor } from './wait-for.ts';

type Json = Record<string, unknown>;

/** The server's own: far from what the webhooks here ask for. */
const ENV = { POSTHORN_RETRY_SCHEDULE: '1h', POSTHORN_REQUEST_TIMEOUT: '60s', LOG_LEVEL: 'warn' };

async function server(directory: string): Promise<PosthornProcess> {
  return PosthornProcess.start({ directory, env: ENV });
}

describe("a webhook's own policy", () => {
  it('says when attempts are made, how often, and how long each may take', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start((received, response) => {
      if (received.path === '/fails') answer(received, response, 500);
    });
    await using posthorn = await server(directory.path);
    const fails = await createWebhook(posthorn, `${receiver.url}/fails`, {
      retry_schedule: ['50ms', '100ms'],
    });
    const hangs = await createWebhook(posthorn, `${receiver.url}/hangs`, {
      retry_schedule: [],
      timeout_seconds: 1,
    });
    const event = await putIn(posthorn);
    const failed = await inStatus(posthorn, event, fails.id, 'exhausted');
    assert.equal(failed['attempt_count'], 3);
    const hung = await inStatus(posthorn, event, hangs.id, 'exhausted');
    const [attempt] = attemptsOf(hung);
    assert.partialDeepStrictEqual(attempt, {
      outcome: 'timed_out',
      error: 'No answer within 1 s.',
    });
    assert.equal(receiver.at('/hangs').length, 1);
  });

  it('has its headers sent, which never take the place of ours and are not shown', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    await using posthorn = await server(directory.path);
    const headers = { Authorization: 'Bearer t0ken', 'X-Team': 'crm' };
    const webhook = await createWebhook(posthorn, receiver.url, { headers });
    const event = await putIn(posthorn);
    const found = await inStatus(posthorn, event, webhook.id, 'succeeded');
    assert.doesNotMatch(JSON.stringify(found), /t0ken/);
    const update = { headers: { 'X-Other': 'é'.normalize('NFD').slice(0, 1) } };
    const path = `/api/v1/webhook/update/${webhook.id}`;
    assert.equal((await posthorn.call('PUT', path, update)).status, 200);
    await inStatus(posthorn, await putIn(posthorn), webhook.id, 'succeeded');
    const [first, second] = receiver.received.map((received) => received.headers);
    assert.deepEqual(
      [first?.authorization, first?.['x-team'], first?.['content-type']],
      ['Bearer t0ken', 'crm', 'application/json'],
    );
    assert.deepEqual([second?.authorization, second?.['x-other']], [undefined, 'e']);
  });

  it('bounds what is in flight to it, also when that is changed', async () => {
    await using directory = await temporaryDirectory();
    let inFlight = 0;
    let most = 0;
    const gate = { held: true, waiting: [] as (() => void)[] };
    await using receiver = await Receiver.start((received, response) => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      const go = (): void => {
        inFlight -= 1;
        answer(received, response, 200);
      };
      if (gate.held) gate.waiting.push(go);
      else setTimeout(go, 5);
    });
    await using posthorn = await server(directory.path);
    const webhook = await createWebhook(posthorn, receiver.url, { concurrency: 1 });
    const events = await Promise.all(Array.from({ length: 30 }, () => putIn(posthorn)));
    await waitFor('one is there', () => inFlight === 1);
    // A call that went all the way round: another one could have come by now.
    for (const go of gate.waiting.splice(0)) go();
    await waitFor('the next one is there', () => inFlight === 1);
    assert.equal(most, 1);
    const path = `/api/v1/webhook/update/${webhook.id}`;
    assert.equal((await posthorn.call('PUT', path, { concurrency: 3 })).status, 200);
    gate.held = false;
    for (const go of gate.waiting.splice(0)) go();
    for (const event of events) await inStatus(posthorn, event, webhook.id, 'succeeded');
    assert.ok(most <= 3, `${most} at once`);
    assert.equal(most, 3, 'as many as it may');
    assert.equal(receiver.received.length, events.length);
  });

  it('is paced by its rate limit, through a restart too, and holds up no other', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    const limit = 20;
    const body: Json = { rate_limit: limit };
    await using first = await server(directory.path);
    const paced = await createWebhook(first, `${receiver.url}/paced`, body);
    const free = await createWebhook(first, `${receiver.url}/free`);
    const events = await Promise.all(Array.from({ length: 50 }, () => putIn(first)));
    for (const event of events) await inStatus(first, event, free.id, 'succeeded');
    assert.ok(receiver.at('/paced').length < events.length, 'it is not through yet');
    await waitFor('some are sent', () => receiver.at('/paced').length >= limit);
    await first.end('SIGTERM');
    await using second = await server(directory.path);
    const started: number[] = [];
    for (const event of events) {
      const found = await inStatus(second, event, paced.id, 'succeeded');
      started.push(...attemptsOf(found).map((a) => Date.parse(String(a['started_at']))));
    }
    assert.equal(started.length, events.length);
    const most = mostInASecond(started);
    assert.ok(most <= limit + 1, `${most} in one second`);
  });

  it('keeps the events of one lead in order, and a failing one holds back its lead only', async () => {
    await using directory = await temporaryDirectory();
    const failing = new Set(['slow@x']);
    await using receiver = await Receiver.start((received, response) => {
      const { lead_email: lead } = JSON.parse(received.body) as Json;
      answer(received, response, failing.has(String(lead)) ? 500 : 200);
    });
    await using posthorn = await server(directory.path);
    const webhook = await createWebhook(posthorn, receiver.url, {
      ordering: 'lead',
      retry_schedule: ['300ms', '300ms', '300ms', '300ms', '300ms', '300ms', '300ms'],
    });
    const events: { id: string; lead: string }[] = [];
    for (let i = 0; i < 60; i += 1) {
      const lead = ['slow@x', 'B@x', 'b@X', 'c@x'][i % 4] ?? '';
      events.push({ id: await putIn(posthorn, { lead_email: lead }), lead: lead.toLowerCase() });
    }
    const of = (lead: string): string[] =>
      events.filter((event) => event.lead === lead).map(({ id }) => id);
    for (const id of [...of('b@x'), ...of('c@x')]) {
      await inStatus(posthorn, id, webhook.id, 'succeeded');
    }
    const arrived = (lead: string): string[] =>
      receiver.received
        .filter((r) => String((JSON.parse(r.body) as Json)['lead_email']).toLowerCase() === lead)
        .map(({ headers }) => String(headers['webhook-id']));
    assert.deepEqual(arrived('b@x'), of('b@x'), 'whatever the case of the address');
    assert.deepEqual(arrived('c@x'), of('c@x'));
    assert.deepEqual(new Set(arrived('slow@x')), new Set(of('slow@x').slice(0, 1)));
    failing.clear();
    for (const id of of('slow@x')) await inStatus(posthorn, id, webhook.id, 'succeeded');
    const [head = ''] = of('slow@x');
    const attempts = (await delivery(posthorn, head, webhook.id))['attempt_count'] as number;
    assert.deepEqual(arrived('slow@x'), [
      ...Array<string>(attempts - 1).fill(head),
      ...of('slow@x'),
    ]);
  });

  it('lets the next of a lead go when one is exhausted', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start((received, response) => {
      const { subject } = JSON.parse(received.body) as Json;
      answer(received, response, subject === 'bad' ? 500 : 200);
    });
    await using posthorn = await server(directory.path);
    const policy = { ordering: 'lead', retry_schedule: ['50ms'] };
    const webhook = await createWebhook(posthorn, receiver.url, policy);
    const bad = await putIn(posthorn, { subject: 'bad' });
    const good = await putIn(posthorn, { subject: 'good' });
    await inStatus(posthorn, good, webhook.id, 'succeeded');
    assert.equal((await delivery(posthorn, bad, webhook.id))['status'], 'exhausted');
    assert.deepEqual(
      receiver.received.map(({ headers }) => headers['webhook-id']),
      [bad, bad, good],
    );
  });
});
