import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { NO_POLICY } from '../../src/domain/webhook-policy.ts';
import { RateLimit, type Gate } from '../../src/engine/rate-limit.ts';
import { answer, Receiver as HttpReceiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { acceptOne, addWebhook, newEvent, openStore, startCore } from './core-scene.ts';
import { ok, Receiver } from './receiver.ts';
import { TestSender } from './test-sender.ts';

/** Requests that want to leave by one gate, and when they have; the clock stands still unless it is moved. */
function gateOf(t: TestContext, perSecond: number) {
  let now = 1_000;
  t.mock.method(performance, 'now', () => now);
  t.mock.method(Date, 'now', () => now);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const limit = new RateLimit(perSecond, 0);
  const left: number[] = [];
  return {
    limit,
    left,
    ask: (stillThere = true) =>
      limit.pass(() => {
        if (stillThere) left.push(now);
        return stillThere;
      }),
    pass: async (ms: number): Promise<void> => {
      for (let i = 0; i < ms; i += 1) {
        now += 1;
        t.mock.timers.tick(1);
        await turn();
      }
    },
    /** The time goes by, and the event loop hears of it only then. */
    hold: async (ms: number): Promise<void> => {
      now += ms;
      t.mock.timers.tick(ms);
      await turn();
    },
  };
}

/** Holds each until it is told. */
function heldAtTheGate() {
  const held: (() => boolean)[] = [];
  const request = (url: string) => ({
    webhookId: 1,
    url,
    headers: {},
    body: '{}',
    gate: { pass: (write: () => boolean) => void held.push(write) },
  });
  const one = async (): Promise<() => boolean> => {
    while (held.length === 0) await turn();
    return held.shift() ?? assert.fail();
  };
  return { request, one };
}

describe('what leaves by a rate limit', () => {
  it('goes at once, and after it one in each gap, however many come together', async (t) => {
    const { ask, pass, left } = gateOf(t, 10);
    for (let i = 0; i < 4; i += 1) ask();
    assert.deepEqual(left, [1_000]);
    await pass(500);
    const gaps = left.slice(1).map((at, i) => at - (left[i] ?? 0));
    assert.equal(left.length, 4);
    assert.ok((left[3] ?? 0) - (left[0] ?? 0) >= 295, gaps.join(' '));
  });

  it('keeps its gap to one that left late', async (t) => {
    const { ask, hold, pass, left } = gateOf(t, 10);
    ask();
    ask();
    await hold(230);
    ask();
    assert.deepEqual(left, [1_000, 1_230]);
    await pass(94);
    assert.equal(left.length, 2);
    await pass(6);
    assert.equal(left.length, 3);
  });

  it('loses no turn to one that has ended meanwhile', async (t) => {
    const { ask, pass, left } = gateOf(t, 10);
    ask();
    ask(false);
    ask();
    await pass(100);
    assert.equal(left.length, 2);
  });

  it('lets the next one be taken up so much later, and not wait here', async (t) => {
    const { ask, limit, pass } = gateOf(t, 10);
    ask();
    limit.taken(940);
    assert.equal(limit.waitMs(1_000), 35);
    ask();
    await pass(95);
    // The second one waited for 95 ms: without it the next one's time would have been 1,035.
    assert.equal(limit.waitMs(1_095), 35);
  });

  it('goes on at another limit from when that is set', async (t) => {
    const { ask, limit, pass, left } = gateOf(t, 1);
    ask();
    ask();
    limit.restart(100, 0);
    ask();
    await pass(1_100);
    assert.equal(left.length, 3, 'a wait that has begun ends first');
  });
});

describe('a webhook with a rate limit', () => {
  it('has all its requests pass one gate, and one without a limit none', async () => {
    await using opened = await openStore();
    const { store } = opened;
    const gates = new Map<number, (Gate | undefined)[]>();
    await using engine = startCore(
      store,
      {},
      {
        watch: (sender) => ({
          send: (request, ended, options) => {
            gates.set(request.webhookId, [...(gates.get(request.webhookId) ?? []), request.gate]);
            sender.send(request, ended, options);
          },
          forget: (webhookId) => sender.forget(webhookId),
        }),
      },
    );
    const { core } = engine;
    await using receiver = await HttpReceiver.start((received, response) =>
      answer(received, response, 200),
    );
    const account = await store.createAccount('one');
    await core.start();
    const limited = await addWebhook(store, core, account, `${receiver.url}/limited`, {
      ...NO_POLICY,
      rateLimit: 500,
    });
    const free = await addWebhook(store, core, account, `${receiver.url}/free`);
    for (let i = 0; i < 3; i += 1) await acceptOne(core, newEvent(account));
    await waitFor('all have come', () => receiver.received.length === 6);
    const [gate] = gates.get(limited.id) ?? [];
    assert.ok(gate instanceof RateLimit);
    assert.deepEqual(gates.get(limited.id), [gate, gate, gate]);
    assert.deepEqual(gates.get(free.id), [undefined, undefined, undefined]);
  });
});

describe('a request with a gate', () => {
  it('is not written before it has leave, over a new connection and over a kept one', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    const { request, one } = heldAtTheGate();
    for (let n = 1; n <= 2; n += 1) {
      const sent = sender.send(request(receiver.url));
      const write = await one();
      assert.equal(receiver.requests.length, n - 1);
      assert.ok(write());
      assert.equal((await sent).outcome, 'delivered');
    }
    assert.equal(receiver.sockets.length, 1);
  });

  it('asks again over another connection where its own was closed while it waited', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    const { request, one } = heldAtTheGate();
    const first = sender.send(request(receiver.url));
    (await one())();
    await first;
    const second = sender.send(request(receiver.url));
    const lost = await one();
    receiver.sockets[0]?.end();
    const found = await one();
    assert.ok(!lost());
    assert.ok(found());
    assert.equal((await second).outcome, 'delivered');
    assert.deepEqual([receiver.requests.length, receiver.sockets.length], [2, 2]);
  });

  it('that waited for its time is not written over a connection that was closed just then', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    const gate = new RateLimit(20, 0);
    const request = { webhookId: 1, url: receiver.url, headers: {}, body: '{}', gate };
    await sender.send(request);
    const second = sender.send(request);
    await turn();
    setTimeout(() => receiver.sockets[0]?.resetAndDestroy(), 1);
    // By now the time of both has come: they have one turn of the event loop.
    const until = performance.now() + 100;
    while (performance.now() < until);
    const { outcome, error } = await second;
    assert.equal(outcome, 'delivered', error ?? '');
    assert.equal(receiver.sockets.length, 2);
  });

  it('that ran out of time while it waited is not sent', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    const { request, one } = heldAtTheGate();
    const sent = sender.send(request(receiver.url), { timeoutMs: 50 });
    const write = await one();
    assert.equal((await sent).outcome, 'timed_out');
    assert.ok(!write());
    const [socket] = receiver.sockets;
    if (socket && !socket.closed) await once(socket, 'close');
    assert.equal(receiver.bytes, 0);
  });
});
