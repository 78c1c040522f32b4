import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hashKey } from '../../src/domain/api-key.ts';
import { Authenticator } from '../../src/http/auth.ts';
import { ApiServer, KEY, type CallOptions, type Json } from './api-server.ts';

const UNAUTHORIZED = {
  ok: false,
  error: 'Invalid API Key',
  message: 'Invalid API Key',
  code: 'unauthorized',
};

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
});
after(() => server[Symbol.asyncDispose]());

describe('an API key', () => {
  const good: readonly [form: string, path: string, options: CallOptions][] = [
    ['in the query', `/webhook?api_key=${KEY}`, { key: null }],
    ['as bearer', '/webhook', { key: null, headers: { authorization: `Bearer ${KEY}` } }],
    [
      'as bearer in lower case',
      '/webhook',
      { key: null, headers: { authorization: `bearer ${KEY}` } },
    ],
    ['in X-API-Key', '/webhook', { key: KEY }],
    ['in a header beside an empty parameter', '/webhook?api_key=', { key: KEY }],
  ];
  for (const [form, path, options] of good) {
    it(`is taken ${form}`, async () => {
      assert.equal((await server.call('GET', path, undefined, options)).status, 200);
    });
  }

  const bad: readonly [form: string, path: string, options: CallOptions][] = [
    ['missing', '/webhook', { key: null }],
    ['unknown', '/webhook', { key: 'no-key' }],
    ['unknown in the query, though a header has a good one', '/webhook?api_key=no-key', {}],
    ['given twice', `/webhook?api_key=${KEY}&api_key=${KEY}`, { key: null }],
    ['of another scheme', '/webhook', { key: null, headers: { authorization: `Basic ${KEY}` } }],
    ['too long by one', `/webhook?api_key=${KEY}x`, { key: null }],
    ['on an unknown path', '/nothing/here', { key: null }],
    ['on the document under the API', '/openapi.json', { key: null }],
    ['on the prefix itself', '', { key: null }],
    ['under an escaped prefix', '//%61pi/v1/webhook', { key: null }],
    ['on a path that cannot be decoded', '/%zz', { key: null }],
    ['on an id that cannot be decoded', '/events/%ff', { key: 'no-key' }],
    ['on a path that is very long', `/events/${'x'.repeat(8_000)}`, { key: null }],
  ];
  for (const [form, path, options] of bad) {
    it(`is refused ${form}`, async () => {
      const { status, json } = await server.call('GET', path, undefined, options);
      assert.equal(status, 401);
      assert.deepEqual(json, UNAUTHORIZED);
    });
  }

  it('is looked at before the body is', async () => {
    const bodies: CallOptions[] = [
      { raw: '{"broken' },
      { raw: 'x'.repeat(300 * 1024) },
      { raw: 'x', headers: { 'content-type': 'text/plain' } },
    ];
    for (const options of bodies) {
      for (const path of ['/webhook/create', '/events', '/nothing']) {
        const { status, json } = await server.call('POST', path, undefined, {
          ...options,
          key: null,
        });
        assert.equal(status, 401);
        assert.deepEqual(json, UNAUTHORIZED);
      }
    }
  });

  it('is answered before a large body has come in', async () => {
    const { host } = new URL(server.url);
    const head = `POST /api/v1/events HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n`;
    const received = await server.send(
      `${head}connection: close\r\ncontent-length: 8000000\r\n\r\n{`,
    );
    assert.match(received, /^HTTP\/1\.1 401 /);
  });

  it('never comes back in an answer or a log line', async () => {
    const calls: [method: string, path: string, body?: unknown][] = [
      ['GET', `/webhook?api_key=${KEY}&limit=${KEY}`],
      ['GET', `/nothing?api_key=${KEY}`],
      ['POST', `/webhook/create?api_key=${KEY}`, { webhook_url: 5 }],
      ['GET', `/webhook/abc?api_key=${KEY}`],
    ];
    for (const [method, path, body] of calls) {
      const { text } = await server.call(method, path, body);
      assert.equal(text.includes(KEY), false, text);
    }
    assert.equal(server.log.join('').includes(KEY), false);
  });
});

describe('the root', () => {
  it('needs no key', async () => {
    for (const path of ['//healthz', '//readyz', '//openapi.json']) {
      assert.equal((await server.call('GET', path, undefined, { key: null })).status, 200);
    }
    const docs = await fetch(`${server.url}/docs`);
    assert.equal(docs.status, 200);
    assert.match(docs.headers.get('content-security-policy') ?? '', /^default-src 'none';/);
  });
});

describe('the authenticator', () => {
  it('remembers keys that there are, and asks again for those that are not', async () => {
    const asked: string[] = [];
    const { authenticate } = new Authenticator({
      apiKey: async (keyHash) => {
        asked.push(keyHash);
        return keyHash === hashKey('good') ? { accountId: 1, clientId: null } : undefined;
      },
    });
    assert.deepEqual(await authenticate('good'), { accountId: 1, clientId: null });
    assert.deepEqual(authenticate('good'), { accountId: 1, clientId: null }, 'at once');
    assert.equal(await authenticate('bad'), undefined);
    assert.equal(await authenticate('bad'), undefined);
    assert.deepEqual(asked, [hashKey('good'), hashKey('bad'), hashKey('bad')]);
    const stored = (await server.store.apiKey(hashKey(KEY))) as Json | undefined;
    assert.ok(stored, 'the store knows the SHA-256 of a key');
    assert.match(hashKey(KEY), /^[0-9a-f]{64}$/);
  });
});
