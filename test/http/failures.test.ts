import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PosthornError } from '../../src/domain/errors.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { ApiServer } from './api-server.ts';

const event = { event_type: 'SENT', campaign_id: 1, lead_email: 'a@b' };

describe('a failure inside', () => {
  it('is a 503 with Retry-After while the store is away', async () => {
    await using server = await ApiServer.start({
      intake: {
        accept: async () => {
          throw new StoreUnavailable('disk gone at /secret/place');
        },
      },
    });
    const { status, headers, json, text } = await server.call('POST', '/events', event);
    assert.equal(status, 503);
    assert.equal(headers.get('retry-after'), '1');
    assert.equal(json['code'], 'unavailable');
    assert.doesNotMatch(text, /secret/);
  });

  it('is a 503 also where a key cannot be looked up', async () => {
    await using server = await ApiServer.start({
      authenticate: async () => {
        throw new StoreUnavailable('away');
      },
    });
    assert.equal((await server.call('GET', '/webhook')).status, 503);
  });

  it('is a 503 where more waits than may be held', async () => {
    await using server = await ApiServer.start({
      intake: {
        accept: async () => {
          throw new PosthornError('overloaded', 'Too much waits');
        },
      },
    });
    const { status, headers, json } = await server.call('POST', '/events', event);
    assert.deepEqual([status, headers.get('retry-after'), json['code']], [503, '1', 'overloaded']);
  });

  it('is a 500 with the request id and nothing of the inside; the log has the rest', async () => {
    await using server = await ApiServer.start({
      intake: {
        accept: async () => {
          throw new TypeError('undefined is not a horse');
        },
      },
    });
    const { status, headers, json, text } = await server.call(
      'POST',
      '/events?token=in-url',
      event,
    );
    assert.equal(status, 500);
    assert.equal(json['code'], 'internal_error');
    assert.equal(json['request_id'], headers.get('x-request-id'));
    assert.doesNotMatch(text, /horse|TypeError|\.ts/);
    const line = server.log.find((logged) => logged.includes('request.failed')) ?? '';
    assert.match(line, /horse/);
    assert.ok(line.includes(String(json['request_id'])));
    assert.match(line, /"route":"\/api\/v1\/events"/);
    assert.doesNotMatch(line, /in-url/);
  });

  it('of readiness is told with its reasons', async () => {
    await using server = await ApiServer.start({
      faults: () => ['The store is unavailable.'],
    });
    const { status, json } = await server.call('GET', '//readyz', undefined, { key: null });
    assert.equal(status, 503);
    assert.equal(json['code'], 'unavailable');
    assert.deepEqual(json['reasons'], ['The store is unavailable.']);
    assert.equal((await server.call('GET', '//healthz')).status, 200);
  });
});

describe('closing', () => {
  // Far above what it takes, below the 75 seconds for which an idle connection is kept.
  const timeout = 40_000;

  it('lets a request in flight end, and its connection with it', { timeout }, async () => {
    const { promise: accepting, resolve: accepted } = Promise.withResolvers<void>();
    const { promise: release, resolve: go } = Promise.withResolvers<void>();
    const server = await ApiServer.start({
      intake: {
        accept: async () => {
          accepted();
          await release;
          return [{ id: `evt_${'0'.repeat(32)}`, deliveries: 0, duplicate: false }];
        },
      },
    });
    const answer = server.call('POST', '/events', event);
    await accepting;
    const closed = server[Symbol.asyncDispose]();
    setTimeout(go, 50);
    assert.equal((await answer).status, 202);
    await closed;
    await assert.rejects(server.call('GET', '/webhook'));
  });
});
