import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HAS_IPV6, ok, Receiver } from '../engine/receiver.ts';
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
import { waitFor } from './wait-for.ts';

type Json = Record<string, unknown>;

/** Every target here is loopback, by address or as `localhost`: a guard that fails sends nothing out. */
const ALLOWED = '127.0.0.3';
const NOT_DEV = { args: [] };
const ENV = {
  POSTHORN_REQUIRE_HTTPS: 'false',
  POSTHORN_RETRY_SCHEDULE: '100ms',
  LOG_LEVEL: 'warn',
};

/** A receiver on the allowed address, and canaries on the same port of others. */
async function scene() {
  const others = ['127.0.0.1', '127.0.0.2', ...(HAS_IPV6 ? ['::1'] : [])];
  const [allowed, ...canaries] = await Receiver.startTogether(ok, [ALLOWED, ...others]);
  assert.ok(allowed);
  const { port } = allowed;
  return {
    allowed,
    port,
    assertUntouched: () => {
      for (const { host, sockets } of canaries) assert.equal(sockets.length, 0, host);
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of [allowed, ...canaries]) await each[Symbol.asyncDispose]();
    },
  };
}

function create(server: PosthornProcess, url: string): Promise<{ status: number; json: Json }> {
  return server.call('POST', '/api/v1/webhook/create', { webhook_url: url, association_type: 1 });
}

/** Puts an event in; its only delivery once it has ended. */
async function deliveryOfOneEvent(server: PosthornProcess): Promise<Json> {
  const event = { event_type: 'SENT', campaign_id: 1, lead_email: 'a@example.com' };
  const { json } = await server.call('POST', '/api/v1/events', event);
  const [{ id }] = json['events'] as [{ id: string }];
  return waitFor('the delivery has ended', async () => {
    const { json } = await server.call('GET', `/api/v1/deliveries?event_id=${id}`);
    const [delivery, ...others] = json['data'] as Json[];
    assert.deepEqual(others, []);
    if (delivery?.['status'] === 'pending') return undefined;
    return (await server.call('GET', `/api/v1/deliveries/${String(delivery?.['id'])}`)).json[
      'data'
    ] as Json;
  });
}

function outcomes(delivery: Json): unknown[] {
  return (delivery['attempts'] as Json[]).map(({ outcome }) => outcome);
}

describe('a server that may reach one address of loopback', () => {
  it('sends there, and nowhere else: literals are refused at create, names when sending', async () => {
    await using directory = await temporaryDirectory();
    await using at = await scene();
    const options = {
      ...NOT_DEV,
      directory: directory.path,
      env: { ...ENV, POSTHORN_ALLOWED_TARGETS: `${ALLOWED}/32` },
    };
    await using server = await PosthornProcess.start(options);
    for (const host of ['127.0.0.1', '127.0.0.2', '[::1]', '0x7f.1', '[::ffff:127.0.0.2]']) {
      const { status, json } = await create(server, `http://${host}:${at.port}/`);
      assert.equal(status, 422, host);
      assert.match(String(json['error']), /not a public address \(loopback\)/);
    }
    const good = await create(server, `http://${ALLOWED}:${at.port}/`);
    assert.equal(good.status, 200);
    const delivered = await deliveryOfOneEvent(server);
    assert.deepEqual([delivered['status'], outcomes(delivered)], ['succeeded', ['delivered']]);
    assert.equal(at.allowed.requests.length, 1);

    await server.call('DELETE', `/api/v1/webhook/delete/${String(good.json['id'])}`);
    assert.equal((await create(server, `http://localhost:${at.port}/`)).status, 200);
    const blocked = await deliveryOfOneEvent(server);
    assert.deepEqual([blocked['status'], outcomes(blocked)], ['exhausted', ['blocked', 'blocked']]);
    const [{ error }] = blocked['attempts'] as [Json];
    assert.match(String(error), /^The name localhost leads to an address that is not public/);
    at.assertUntouched();
    assert.equal(at.allowed.requests.length, 1);
  });

  it('sends there no more once that is not allowed any longer', async () => {
    await using directory = await temporaryDirectory();
    await using at = await scene();
    const options = { ...NOT_DEV, directory: directory.path };
    const allowing = { ...ENV, POSTHORN_ALLOWED_TARGETS: ALLOWED };
    await using before = await PosthornProcess.start({ ...options, env: allowing });
    assert.equal((await create(before, `http://${ALLOWED}:${at.port}/`)).status, 200);
    await before.end('SIGTERM');
    await using after = await PosthornProcess.start({ ...options, env: ENV });
    assert.deepEqual(outcomes(await deliveryOfOneEvent(after)), ['blocked', 'blocked']);
    assert.equal(at.allowed.sockets.length, 0);
    at.assertUntouched();
  });
});

describe('--dev', () => {
  it('allows loopback, and nothing more', async () => {
    await using directory = await temporaryDirectory();
    await using server = await PosthornProcess.start({ directory: directory.path });
    for (const host of ['10.0.0.1', '192.168.0.1', '169.254.169.254', '0.0.0.0', '[fd00::1]']) {
      assert.equal((await create(server, `http://${host}/`)).status, 422, host);
    }
    for (const host of ['127.0.0.1', '127.255.255.255', '[::1]']) {
      assert.equal((await create(server, `http://${host}/`)).status, 200, host);
    }
  });
});
