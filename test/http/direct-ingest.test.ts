import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { hashKey } from '../../src/domain/api-key.ts';
import { PosthornError } from '../../src/domain/errors.ts';
import { DirectIngest } from '../../src/http/direct/direct-ingest.ts';
import { Log } from '../../src/telemetry/log.ts';
import { ApiServer, KEY } from './api-server.ts';
import { RawCaller, type RawAnswer } from './raw-caller.ts';

const EVENT = '{"event_type":"SENT","campaign_id":1,"lead_email":"a@b"}';
const PATH = '/api/v1/events';

interface Changes {
  readonly key?: string;
  readonly more?: readonly string[];
}

function post(body: string, { key = KEY, more = [] }: Changes = {}): string {
  const lines = [
    `POST ${PATH} HTTP/1.1`,
    'Host: x',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-API-Key: ${key}`,
    ...more,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** One that keeps a call waiting until it is told to refuse it. */
function heldIntake() {
  const underWay = Promise.withResolvers<void>();
  const refused = Promise.withResolvers<never>();
  return {
    intake: {
      accept: () => {
        underWay.resolve();
        return refused.promise;
      },
    },
    underWay: underWay.promise,
    refuse: () => refused.reject(new PosthornError('unavailable', 'Not now')),
  };
}

/** Where node:http answers everything with 418. */
async function bareServer(keepAliveMs: number, asked = () => {}) {
  const direct = new DirectIngest(PATH, keepAliveMs, {
    authenticate: () => {
      asked();
      return { accountId: 1, clientId: null };
    },
    intake: { accept: () => assert.fail('no event is good') },
    log: new Log('silent'),
  });
  const server = createServer((_request, response) => void response.writeHead(418).end());
  direct.attach(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      direct.stop();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const GET = `GET /api/v1/webhook HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEY}\r\n\r\n`;

describe('an event that comes in a plain request', () => {
  let server: ApiServer;
  let earlier = 0;
  /** Requests that node:http has seen since the test began. */
  const seen = (): number => server.requestsSeen - earlier;
  before(async () => {
    server = await ApiServer.start();
  });
  beforeEach(() => {
    earlier = server.requestsSeen;
  });
  after(() => server[Symbol.asyncDispose]());

  it('is taken from the socket, one after another, also with a key that was not known yet', async () => {
    await using fresh = await ApiServer.start();
    using caller = await RawCaller.open(fresh.url);
    const seenBefore = fresh.requestsSeen;
    for (let i = 0; i < 3; i += 1) {
      caller.write(post(EVENT));
      const { status, body } = await caller.answer();
      assert.equal(status, 202);
      assert.equal((JSON.parse(body) as { accepted: number }).accepted, 1);
    }
    assert.equal(fresh.requestsSeen, seenBefore);
  });

  it('is answered as by the route, word for word', async () => {
    const bodies = [
      EVENT,
      '{"event_type":"SENT","campaign_id":1,"lead_email":"a@b","event_id":"gr\u00fc\u00dfe 0"}',
      `[${EVENT},{"event_type":"SENT"}]`,
      '{"event_type":1}',
      '{"broken',
      '',
    ];
    // After JSON that is none Fastify closes the connection; here nothing of it is left unread.
    const unlike = /^(x-request-id|date|connection|keep-alive)$/i;
    const same = ({ headers, body, ...rest }: RawAnswer) => ({
      ...rest,
      headers: headers
        .filter(([name]) => !unlike.test(name))
        .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
        .toSorted((a, b) => (a < b ? -1 : 1)),
      body: body.replace(/evt_\w+/g, 'evt_').replace('e 1"', 'e 0"'),
    });
    for (const body of bodies) {
      const answers: RawAnswer[] = [];
      for (const more of [[], ['Trailer: none']]) {
        using caller = await RawCaller.open(server.url);
        caller.write(post(body.replace('e 0"', `e ${more.length}"`), { more }));
        answers.push(await caller.answer());
      }
      assert.equal(seen(), 1, 'one of the two is not plain');
      earlier = server.requestsSeen;
      const [direct, routed] = answers.map(same);
      assert.deepEqual(direct, routed);
      const date = answers[0]?.headers.find(([name]) => name === 'Date')?.[1] ?? '';
      assert.ok(Math.abs(Date.parse(date) - Date.now()) < 60_000, date);
    }
  });

  it('may come in pieces', async () => {
    using caller = await RawCaller.open(server.url);
    const request = post(EVENT);
    for (const [size, throughHttp] of [
      [10, 0],
      [1, 1],
    ] as const) {
      for (let at = 0; at < request.length; at += size) {
        caller.write(request.slice(at, at + size));
        await pause(2);
      }
      assert.equal((await caller.answer()).status, 202);
      assert.equal(seen(), throughHttp, 'only so many are put together before node:http');
    }
  });

  it('goes to node:http where its connection brings something else before or after it', async () => {
    using caller = await RawCaller.open(server.url);
    for (const [request, status, throughHttp] of [
      [post(EVENT), 202, 0],
      [GET, 200, 1],
      [post(EVENT), 202, 2],
      [post(EVENT, { more: ['Expect: 100-continue'] }), 100, 3],
    ] as const) {
      caller.write(request);
      assert.equal((await caller.answer()).status, status);
      assert.equal(seen(), throughHttp);
    }
  });

  it('is answered in its turn where others come right behind it', async () => {
    for (const followers of [[GET], [post('{}'), GET], [GET, post(EVENT)]]) {
      using caller = await RawCaller.open(server.url);
      caller.write(post(EVENT) + followers.join(''));
      const statuses = followers.map((each) =>
        each === GET ? 200 : each.includes('{}') ? 422 : 202,
      );
      for (const status of [202, ...statuses]) assert.equal((await caller.answer()).status, status);
    }
    for (const followers of [[GET], [post('{}'), GET]]) {
      using caller = await RawCaller.open(server.url);
      caller.write(post(EVENT));
      // Not in the same read, but before the answer.
      await new Promise((resolve) => setImmediate(resolve));
      for (const each of followers) caller.write(each);
      assert.equal((await caller.answer()).status, 202);
      for (const each of followers) {
        assert.equal((await caller.answer()).status, each === GET ? 200 : 422);
      }
    }
  });

  it('that nobody may send is refused by the route', async () => {
    using caller = await RawCaller.open(server.url);
    caller.write(post(EVENT, { key: 'nobody' }));
    const { status, body } = await caller.answer();
    assert.equal(status, 401);
    assert.match(body, /"code":"unauthorized"/);
    assert.equal(seen(), 1);
  });

  it("with one client's key is refused by the route", async () => {
    const key = 'key-of-one-client';
    const accountId = await server.store.createAccount(key);
    await server.store.addApiKey(hashKey(key), { accountId, clientId: 3 });
    for (let i = 0; i < 2; i += 1) {
      using caller = await RawCaller.open(server.url);
      caller.write(post(EVENT, { key }));
      assert.equal((await caller.answer()).status, 403);
    }
    assert.equal(seen(), 2);
  });

  it('is answered where the caller has said that nothing else will come', async () => {
    using caller = await RawCaller.open(server.url);
    caller.socket.end(post(EVENT));
    const { status, headers } = await caller.answer();
    assert.equal(status, 202);
    assert.ok(headers.some(([name, value]) => name === 'Connection' && value === 'close'));
    await caller.closed();
    assert.equal(seen(), 0);
  });

  it('that breaks off is a 400, and a connection without one just ends', async () => {
    for (const request of [post(EVENT).slice(0, 40), post(EVENT).slice(0, -1)]) {
      using caller = await RawCaller.open(server.url);
      caller.socket.end(request);
      assert.equal((await caller.answer()).status, 400);
    }
    using caller = await RawCaller.open(server.url);
    caller.socket.end();
    await caller.closed();
  });

  it('may come slowly: the rest of it reaches node:http', async () => {
    using caller = await RawCaller.open(server.url);
    const request = post(EVENT);
    caller.write(request.slice(0, 60));
    await pause(4_000);
    caller.write(request.slice(60));
    assert.equal((await caller.answer()).status, 202);
    assert.equal(seen(), 1);
  });
});

describe('connections without a request under way', () => {
  it('are kept for a while, and closed then', async () => {
    await using server = await bareServer(2_500);
    using caller = await RawCaller.open(server.url);
    caller.write(post('{}'));
    assert.equal((await caller.answer()).status, 422);
    await pause(1_000);
    assert.ok(!caller.socket.closed);
    await caller.closed();
  });

  it('bring no more while their answers are not read', async () => {
    let asked = 0;
    await using server = await bareServer(60_000, () => (asked += 1));
    using caller = await RawCaller.open(server.url);
    caller.socket.pause();
    const many = post(`[${Array(1_000).fill('{}').join(',')}]`);
    const until = performance.now() + 2_000;
    for (let sent = 0; sent < 400 && performance.now() < until; await pause(1)) {
      // One after another, as long as they are taken.
      if (asked < sent) continue;
      caller.write(many);
      sent += 1;
    }
    assert.ok(asked > 1 && asked < 400, `${asked}`);
    const taken = asked;
    caller.socket.resume();
    for (let i = 0; i < taken; i += 1) assert.equal((await caller.answer()).status, 422);
  });

  it('go to node:http where they have never brought one', async () => {
    await using server = await bareServer(60_000);
    using caller = await RawCaller.open(server.url);
    await pause(4_000);
    caller.write(post('{}'));
    assert.equal((await caller.answer()).status, 418);
  });
});

describe('a request that does not wait for the answer to the one before', () => {
  it('is answered after it, though its own answer is ready sooner', async () => {
    const held = heldIntake();
    await using server = await ApiServer.start({ intake: held.intake });
    using caller = await RawCaller.open(server.url);
    caller.write(post(EVENT));
    await held.underWay;
    caller.write(post('{}'));
    await pause(100);
    held.refuse();
    assert.equal((await caller.answer()).status, 503);
    assert.equal((await caller.answer()).status, 422);
  });
});

describe('a server that is closing', () => {
  it('closes connections that wait, and one with a request under way after its answer', async () => {
    const held = heldIntake();
    const server = await ApiServer.start({ intake: held.intake });
    using idle = await RawCaller.open(server.url);
    idle.write(post('{}'));
    assert.equal((await idle.answer()).status, 422);
    using half = await RawCaller.open(server.url);
    half.write(post('{}').slice(0, 50));
    using busy = await RawCaller.open(server.url);
    busy.write(post(EVENT));
    await held.underWay;
    const closing = server[Symbol.asyncDispose]();
    await idle.closed();
    half.write(post('{}').slice(50));
    assert.equal((await half.answer()).status, 422);
    held.refuse();
    const { status, headers } = await busy.answer();
    assert.equal(status, 503);
    assert.ok(headers.some(([name, value]) => name === 'Connection' && value === 'close'));
    await Promise.all([busy.closed(), half.closed(), closing]);
  });
});
