import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
import { answer, Receiver, type Received } from './receiver.ts';
import { createWebhook, inStatus, putIn } from './scene.ts';

type Json = Record<string, unknown>;

const ENV = { LOG_LEVEL: 'warn' };

function headersOf({ headers }: Received): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

/** Whether both public packages take a request for signed with that secret. */
function verifies(received: Received, secret: string): boolean {
  const verdicts = [StandardWebhook, SvixWebhook].map((Verifier) => {
    try {
      new Verifier(secret).verify(received.body, headersOf(received));
      return true;
    } catch {
      return false;
    }
  });
  assert.equal(verdicts[0], verdicts[1], 'the packages agree');
  return verdicts[0] === true;
}

function signatures(received: Received): number {
  return String(received.headers['webhook-signature']).split(' ').length;
}

describe('rotating a secret', () => {
  it('has requests signed with both in the overlap, and with the new one alone where there is none', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    await using server = await PosthornProcess.start({ directory: directory.path, env: ENV });
    const webhook = await createWebhook(server, receiver.url);
    const next = async (): Promise<Received> => {
      await inStatus(server, await putIn(server), webhook.id, 'succeeded');
      return receiver.received.at(-1) as Received;
    };
    const path = `/api/v1/webhook/${webhook.id}/secret`;
    const before = await next();
    assert.deepEqual([signatures(before), verifies(before, webhook.secret)], [1, true]);
    const { json } = await server.call('POST', `${path}/rotate`, { overlap_hours: 1 });
    const { secret } = json['data'] as { secret: string };
    const both = await next();
    assert.equal(signatures(both), 2);
    assert.ok(verifies(both, webhook.secret) && verifies(both, secret));
    const again = await server.call('POST', `${path}/rotate`, { overlap_hours: 1 });
    assert.equal(again.status, 409);
    await server.call('DELETE', `/api/v1/webhook/delete/${webhook.id}`);

    const other = await createWebhook(server, `${receiver.url}/other`);
    const rotated = await server.call('POST', `/api/v1/webhook/${other.id}/secret/rotate`, {
      overlap_hours: 0,
    });
    await inStatus(server, await putIn(server), other.id, 'succeeded');
    const [alone] = receiver.at('/other');
    assert.ok(alone);
    const { secret: only } = rotated.json['data'] as { secret: string };
    assert.deepEqual([signatures(alone), verifies(alone, only)], [1, true]);
    assert.ok(!verifies(alone, other.secret));
  });
});

describe('a test call', () => {
  it('is sent as deliveries are, told as an attempt, and not stored', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, received.path === '/fails' ? 500 : 200),
    );
    await using server = await PosthornProcess.start({ directory: directory.path, env: ENV });
    const test = async (id: number, body?: Json): Promise<Json> => {
      const { status, json } = await server.call('POST', `/api/v1/webhook/${id}/test`, body);
      assert.equal(status, 200);
      return json['data'] as Json;
    };
    const headers = { 'X-Team': 'crm' };
    const webhook = await createWebhook(server, `${receiver.url}/t`, { headers });
    await server.call('POST', `/api/v1/webhook/${webhook.id}/pause`);
    const attempt = await test(webhook.id, { event_type: 'REPLIED' });
    const [received] = receiver.at('/t');
    assert.ok(received && verifies(received, webhook.secret));
    assert.equal(received.headers['x-team'], 'crm');
    assert.equal(received.headers['x-posthorn-event-type'], 'REPLIED');
    const { event_type: type, test: marked } = JSON.parse(received.body) as Json;
    assert.deepEqual([type, marked], ['REPLIED', true]);
    assert.partialDeepStrictEqual(attempt, {
      number: 1,
      outcome: 'delivered',
      response_status: 200,
      request: { url: `${receiver.url}/t` },
    });
    const sent = (attempt['request'] as { headers: Json }).headers;
    for (const [name, value] of Object.entries(sent)) assert.equal(received.headers[name], value);

    const failing = await createWebhook(server, `${receiver.url}/fails`);
    assert.partialDeepStrictEqual(await test(failing.id), {
      outcome: 'rejected',
      response_status: 500,
    });
    assert.equal(receiver.at('/fails')[0]?.headers['x-posthorn-event-type'], 'SENT');
    for (const path of ['events', 'deliveries']) {
      assert.deepEqual((await server.call('GET', `/api/v1/${path}`)).json['data'], []);
    }
    const { json } = await server.call('GET', `/api/v1/webhook/${failing.id}`);
    const { health } = json['data'] as { health: Json };
    assert.equal(health['consecutive_failures'], 0);
  });

  it('goes nowhere that deliveries may not go', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    const options = { directory: directory.path, args: [] as string[] };
    const env = { ...ENV, POSTHORN_REQUIRE_HTTPS: 'false' };
    const { port } = new URL(receiver.url);
    // A name, since the address itself would be refused when the webhook is made.
    const url = `http://localhost:${port}/`;
    await using server = await PosthornProcess.start({ ...options, env });
    const webhook = await createWebhook(server, url);
    const { json } = await server.call('POST', `/api/v1/webhook/${webhook.id}/test`);
    assert.partialDeepStrictEqual(json['data'], { outcome: 'blocked', response_status: null });
    assert.equal(receiver.received.length, 0);
  });
});
