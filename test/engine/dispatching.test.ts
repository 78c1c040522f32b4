import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acceptedAt } from '../../src/domain/ids.ts';
import type { SendsRequests } from '../../src/engine/deliver.ts';
import type { SendResult } from '../../src/engine/sender.ts';
import type { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { StoreUnavailable, type Store } from '../../src/store/store.ts';
import { Log } from '../../src/telemetry/log.ts';
import { answer, Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import {
  acceptOne,
  addWebhook,
  lockOf,
  newEvent,
  newEvents,
  openStore,
  startCore,
} from './core-scene.ts';

/** Sees each request of a real sender begin, and what it gives back may see it end and change how. */
function watching(begun: (webhookId: number) => (result: SendResult) => SendResult | void) {
  return (sender: SendsRequests): SendsRequests => ({
    send: (request, ended) => {
      const seenToEnd = begun(request.webhookId);
      sender.send(request, (result) => ended(seenToEnd(result) ?? result));
    },
    forget: (webhookId) => sender.forget(webhookId),
  });
}

describe('webhooks that hang', () => {
  it('leave as many slots as they take, though they had earned more', async () => {
    await using opened = await openStore();
    const { store } = opened;
    await using engine = startCore(store, { POSTHORN_CONCURRENCY: '8' });
    const { core } = engine;
    let hangs = false;
    let hung = 0;
    await using receiver = await Receiver.start((received, response) => {
      if (hangs && received.path === '/one') hung += 1;
      else answer(received, response, 200);
    });
    const [first, other] = [await store.createAccount('first'), await store.createAccount('other')];
    await core.start();
    await addWebhook(store, core, first, `${receiver.url}/one`);
    await addWebhook(store, core, other, `${receiver.url}/other`);
    await core.intake.accept(newEvents(first, 40));
    await waitFor('it earns its slots', () => receiver.at('/one').length === 40);
    hangs = true;
    await core.intake.accept(newEvents(first, 40));
    await waitFor('it hangs', () => hung >= 4);
    await core.intake.accept([newEvent(other)]);
    await waitFor('the other one', () => receiver.at('/other').length === 1);
    assert.equal(hung, 4, 'half of eight');
  });

  it('share half of all slots once they have timed out', async () => {
    await using opened = await openStore();
    const { store } = opened;
    const timedOut = new Set<number>();
    let [inFlight, most, ended] = [0, 0, 0];
    const watch = watching((webhookId) => {
      const counts = timedOut.has(webhookId);
      if (counts) most = Math.max(most, ++inFlight);
      return () => {
        if (counts) inFlight -= 1;
        timedOut.add(webhookId);
        ended += 1;
      };
    });
    const env = { POSTHORN_CONCURRENCY: '4', POSTHORN_REQUEST_TIMEOUT: '100ms' };
    await using engine = startCore(store, env, { watch });
    const { core } = engine;
    await using receiver = await Receiver.start(() => undefined);
    const account = await store.createAccount('one');
    await core.start();
    for (let i = 0; i < 6; i += 1) await addWebhook(store, core, account, `${receiver.url}/${i}`);
    await core.intake.accept(newEvents(account, 8));
    await waitFor('every attempt', () => ended === 48);
    assert.equal(most, 2);
  });

  it('lose nothing of what their lane had in memory', async () => {
    await using opened = await openStore();
    const { store } = opened;
    await using engine = startCore(store, { POSTHORN_REQUEST_TIMEOUT: '100ms' });
    const { core } = engine;
    await using receiver = await Receiver.start((received, response) => {
      if (receiver.received.length > 2) answer(received, response, 200);
    });
    const account = await store.createAccount('one');
    await core.start();
    await addWebhook(store, core, account, receiver.url);
    // All of them fit into memory, until two that time out take half of the room away.
    await core.intake.accept(newEvents(account, 32));
    await waitFor('all of them', () => receiver.received.length === 32);
  });
});

/** A real store whose reads of due deliveries fail while `fails` says so. */
function failingReads(store: SqliteStore, fails: () => boolean): Store {
  return new Proxy<Store>(store, {
    get: (_, name) => {
      const value: unknown = Reflect.get(store, name, store);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown =>
        name === 'due' && fails()
          ? Promise.reject(new StoreUnavailable('The disk cannot be read'))
          : Reflect.apply(value, store, args);
    },
  });
}

describe('a store that cannot be read', () => {
  it('is read again, and what is due comes when it can be', async () => {
    await using opened = await openStore();
    let failures = 0;
    const store = failingReads(opened.store, () => ++failures <= 3);
    const account = await store.createAccount('one');
    await using engine = startCore(store, {});
    const { core } = engine;
    await using receiver = await Receiver.start();
    await addWebhook(store, core, account, receiver.url);
    // Accepted before any shard is owned: so it has to be read.
    await core.intake.accept([newEvent(account)]);
    await core.start();
    await waitFor('the POST', () => receiver.received.length === 1);
    assert.equal(failures, 4);
  });
});

describe('a store that cannot be read for long', () => {
  it('is not read without a pause', async (t) => {
    await using opened = await openStore();
    let reads = 0;
    const store = failingReads(opened.store, () => ++reads > 0);
    const account = await store.createAccount('one');
    await using engine = startCore(store, {});
    const { core } = engine;
    await addWebhook(store, core, account, 'http://127.0.0.1:9/');
    await core.intake.accept([newEvent(account)]);
    // Time goes on with the ticks only.
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() });
    await core.start();
    for (let ms = 1; ms <= 2_000; ms += 1) {
      t.mock.timers.tick(1);
      await new Promise(setImmediate);
    }
    assert.ok(reads > 0 && reads <= 100, `${reads} reads in two seconds`);
    t.mock.timers.reset();
  });
});

describe('while the store is away', () => {
  it('nothing more is sent, and what was sent is recorded when it is back', async () => {
    await using opened = await openStore();
    const { store, file } = opened;
    let [begun, ended] = [0, 0];
    const watch = watching(() => {
      begun += 1;
      return () => void (ended += 1);
    });
    await using engine = startCore(store, { POSTHORN_WEBHOOK_CONCURRENCY: '1' }, { watch });
    const { core } = engine;
    const answers: (() => void)[] = [];
    await using receiver = await Receiver.start((received, response) =>
      answers.push(() => answer(received, response, 200)),
    );
    const account = await store.createAccount('one');
    await core.start();
    await addWebhook(store, core, account, receiver.url);
    await core.intake.accept(newEvents(account, 5));
    await waitFor('the first POST', () => answers.length === 1);
    using lock = lockOf(file);
    answers[0]?.();
    await waitFor('the second POST', () => answers.length === 2);
    await waitFor('the outage', () => core.faults.length > 0);
    answers[1]?.();
    await waitFor('its end', () => ended === 2);
    await new Promise(setImmediate);
    assert.equal(begun, 2, 'no third one begins');

    lock.release();
    for (let n = 3; n <= 5; n += 1) {
      await waitFor(`POST ${n}`, () => answers.length === n);
      answers[n - 1]?.();
    }
    await waitFor('the last answer', () => ended === 5);
    await core.stopSending();
    await core.stop();
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    assert.equal(new Set(ids).size, 5, 'each once');
    const { items } = await store.deliveries(account, {}, { limit: 10, cursor: null });
    assert.deepEqual(
      items.map(({ status, attemptCount }) => [status, attemptCount]),
      Array.from({ length: 5 }, () => ['succeeded', 1]),
    );
  });
});

describe('a delivery that has ended', () => {
  it('says when it was made, and which version of its webhook matched', async () => {
    await using opened = await openStore();
    const { store } = opened;
    await using engine = startCore(store, {});
    const { core } = engine;
    const answers: (() => void)[] = [];
    await using receiver = await Receiver.start((received, response) => {
      answers.push(() => answer(received, response, 200));
    });
    const account = await store.createAccount('one');
    await core.start();
    const { id: webhookId } = await addWebhook(store, core, account, receiver.url);
    const rename = async (name: string): Promise<number> => {
      const changed = await store.updateWebhook(account, webhookId, { name });
      assert.ok(changed);
      core.webhookChanged(changed);
      return changed.version;
    };
    const webhookVersion = await rename('as it matches');
    const { id: eventId } = await acceptOne(core, newEvent(account));
    await waitFor('the POST', () => answers.length === 1);
    assert.notEqual(await rename('as it is when it ends'), webhookVersion);
    answers[0]?.();
    await core.stopSending();
    await core.stop();
    const delivery = await store.delivery(account, { eventId, webhookId });
    const createdAt = acceptedAt(eventId);
    assert.partialDeepStrictEqual(delivery, { status: 'succeeded', webhookVersion, createdAt });
  });
});

describe('a store that will not take an attempt', () => {
  it('is given it without its answer', async () => {
    await using opened = await openStore();
    const { store } = opened;
    // A status that is no whole number: the column refuses it.
    const response = { status: 200.5, headers: {}, body: '' };
    const watch = watching(() => (result) => ({ ...result, response }));
    await using engine = startCore(store, {}, { watch });
    const { core } = engine;
    await using receiver = await Receiver.start();
    const account = await store.createAccount('one');
    await core.start();
    const { id: webhookId } = await addWebhook(store, core, account, receiver.url);
    const accepted = await acceptOne(core, newEvent(account));
    await waitFor('the POST', () => receiver.received.length === 1);
    await core.stopSending();
    await core.stop();
    const delivery = await store.delivery(account, { eventId: accepted.id, webhookId });
    assert.equal(delivery?.status, 'succeeded');
    assert.deepEqual(
      delivery.attempts.map(({ outcome, response, error }) => [outcome, response, error]),
      [['delivered', null, 'The answer could not be stored.']],
    );
  });

  it('even so keeps the delivery, and it is tried again a minute later', async (t) => {
    await using opened = await openStore();
    const { store } = opened;
    let refused = true;
    const watch = watching(() => (result) => (refused ? { ...result, durationMs: -1 } : result));
    const lines: string[] = [];
    const log = new Log('warn', { write: (line: string) => void lines.push(line) });
    await using engine = startCore(store, {}, { watch, log });
    const { core } = engine;
    await using receiver = await Receiver.start();
    const account = await store.createAccount('one');
    // The clock of this thread stands still until it is set.
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    await core.start();
    await addWebhook(store, core, account, receiver.url);
    await core.intake.accept([newEvent(account)]);
    await waitFor('the refusal', () => lines.join('').includes('"why":"refused"'));
    refused = false;
    const other = await acceptOne(core, newEvent(account));
    await waitFor('another one’s POST', () => receiver.received.length === 2);
    assert.equal(receiver.received[1]?.headers['webhook-id'], other.id);
    t.mock.timers.setTime(Date.now() + 60_000);
    await waitFor('the second POST', () => receiver.received.length === 3);
    await core.stopSending();
    await core.stop();
    const { items } = await store.deliveries(account, {}, { limit: 10, cursor: null });
    assert.deepEqual(
      items.map(({ status, attemptCount }) => [status, attemptCount]),
      [
        ['succeeded', 1],
        ['succeeded', 1],
      ],
    );
  });
});
