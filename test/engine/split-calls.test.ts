import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Campaigns } from '../../src/catalog/campaigns.ts';
import { Redos } from '../../src/catalog/redos.ts';
import { hashKey } from '../../src/domain/api-key.ts';
import { AddressGuard } from '../../src/engine/address-guard.ts';
import { Authenticator } from '../../src/http/auth.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { StoreRefused, StoreUnavailable, type CommitBatch } from '../../src/store/store.ts';
import { Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { events, Gate, RunningCore, type CoreOptions } from './running-core.ts';

const KEY = 'key-of-the-account';

interface Answered {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly json: {
    readonly code?: string;
    readonly accepted: number;
    readonly rejected: readonly { readonly index: number; readonly error: string }[];
    readonly events: readonly { readonly index: number; readonly id: string }[];
  };
}

/** An account with webhooks at `/0`, `/1` …, and its events API on a real socket. */
async function startAccount(receiver: Receiver, webhooks: number, options: CoreOptions) {
  await using starting = new AsyncDisposableStack();
  const running = starting.use(await RunningCore.start(options));
  const { store, core, log } = running;
  const account = await store.createAccount('one');
  await store.addApiKey(hashKey(KEY), { accountId: account, clientId: null });
  for (let i = 0; i < webhooks; i += 1) await running.addWebhook(account, `${receiver.url}/${i}`);
  const guard = new AddressGuard();
  const http = starting.adopt(
    await createHttpServer({
      version: '1.2.3',
      servesApi: true,
      authenticate: new Authenticator(store).authenticate,
      testCalls: { send: () => assert.fail('nothing is sent here') },
      webhooks: running.webhooks,
      campaigns: new Campaigns({ store, listener: core, log }),
      redos: new Redos({ store, listener: core, log }),
      intake: core.intake,
      look: store,
      urlRules: { requireHttps: false, judgeUrl: (url) => guard.judgeUrl(url) },
      faults: () => core.faults,
      log,
    }),
    (server) => server.close(),
  );
  const url = await http.listen({ host: '127.0.0.1', port: 0 });
  const post = async (count: number): Promise<Answered> => {
    const body = Array.from({ length: count }, (_, i) => ({ ...EVENT, event_id: `event-${i}` }));
    const headers = { 'x-api-key': KEY, 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(body) };
    const response = await fetch(`${url}/api/v1/events`, init);
    const retryAfter = response.headers.get('retry-after');
    return {
      status: response.status,
      retryAfter,
      json: (await response.json()) as Answered['json'],
    };
  };
  const ended = starting.move();
  return { running, account, post, [Symbol.asyncDispose]: () => ended.disposeAsync() };
}

const EVENT = { event_type: 'SENT', campaign_id: 1, lead_email: 'a@example.com' };

function brings(batch: CommitBatch, callerEventId: string): boolean {
  return batch.accepts.some(({ event }) => event.callerEventId === callerEventId);
}

describe('a call of several commits', () => {
  it('tells what was accepted though the store went away later, and delivers that', async () => {
    // Matched by three webhooks each: 250 of them go into a commit at once.
    const [count, inOne, webhooks] = [1_000, 250, 3];
    let accepting = 0;
    await using receiver = await Receiver.start();
    await using one = await startAccount(receiver, webhooks, {
      around: (store) => ({
        commit: async (batch) => {
          if (batch.accepts.length > 0) accepting += 1;
          if (accepting === 2 && batch.accepts.length > 0) throw new StoreUnavailable('locked');
          return store.commit(batch);
        },
      }),
    });
    const { status, json } = await one.post(count);
    assert.equal(status, 202);
    assert.equal(json.accepted, inOne);
    assert.deepEqual(
      json.events.map(({ index }) => index),
      Array.from({ length: inOne }, (_, i) => i),
    );
    assert.deepEqual(
      json.rejected.map(({ index }) => index),
      Array.from({ length: count - inOne }, (_, i) => inOne + i),
    );
    assert.match(json.rejected[0]?.error ?? '', /unavailable/);

    const pending = (): Promise<readonly unknown[]> => one.running.pending(one.account);
    await waitFor('everything', async () => (await pending()).length === 0);
    const ids = receiver.received.map((r) => `${r.path} ${String(r.headers['webhook-id'])}`);
    const wanted = json.events.flatMap(({ id }) =>
      Array.from({ length: webhooks }, (_, i) => `/${i} ${id}`),
    );
    assert.deepEqual(ids.toSorted(), wanted.toSorted());

    const again = await waitFor('available again', async () => {
      const answered = await one.post(count);
      return answered.status === 202 && answered.json;
    });
    assert.equal(again.accepted, count - inOne, 'what was rejected was not stored');
  });

  it('tells what was accepted though its account cannot be read any more', async () => {
    const [begun, gate] = [new Gate(), new Gate()];
    let unreadable = false;
    await using receiver = await Receiver.start();
    await using one = await startAccount(receiver, 3, {
      gates: [begun, gate],
      around: (store) => ({
        commit: async (batch) => {
          const result = await store.commit(batch);
          if (batch.accepts.length > 0) begun.open();
          await gate.opened;
          return result;
        },
        account: async (accountId) => {
          if (unreadable) throw new StoreUnavailable('SQLITE_IOERR_READ');
          return store.account(accountId);
        },
      }),
    });
    const { running, account, post } = one;
    const call = post(1_000);
    await begun.opened;
    // As another node would change it: what is matched from now on is stale, and it is read again.
    const { items } = await running.store.webhooks(account, {}, { limit: 1, cursor: null });
    await running.store.updateWebhook(account, items[0]?.webhook.id ?? 0, { name: 'renamed' });
    unreadable = true;
    gate.open();
    const { status, json } = await call;
    assert.equal(status, 202);
    assert.equal(json.accepted, 250);
    assert.equal(json.rejected.length, 750);
    await waitFor('delivered', async () => (await running.pending(account)).length === 0);
    assert.equal(receiver.received.length, 750);
  });

  it('is refused as a whole where the store takes nothing of it', async () => {
    let away = false;
    await using receiver = await Receiver.start();
    await using one = await startAccount(receiver, 3, {
      around: (store) => ({
        commit: async (batch) => {
          if (away) throw new StoreUnavailable('locked');
          return store.commit(batch);
        },
      }),
    });
    away = true;
    const { status, json, retryAfter } = await one.post(1_000);
    assert.equal(status, 503);
    assert.equal(json.code, 'unavailable');
    assert.ok(Number(retryAfter) >= 1);
    assert.deepEqual(await one.running.pending(one.account), []);
    assert.equal(receiver.received.length, 0);
  });
});

describe('one entry of ten that the store refuses', () => {
  it('is rejected by itself: nine are accepted and delivered', async () => {
    await using receiver = await Receiver.start();
    await using one = await startAccount(receiver, 1, {
      around: (store) => ({
        commit: async (batch) => {
          if (brings(batch, 'event-4')) throw new StoreRefused('CHECK');
          return store.commit(batch);
        },
      }),
    });
    const { status, json } = await one.post(10);
    assert.equal(status, 202);
    assert.equal(json.accepted, 9);
    assert.deepEqual(json.rejected, [{ index: 4, error: 'The store does not take this event' }]);
    await waitFor('nine', async () => (await one.running.pending(one.account)).length === 0);
    const arrived = receiver.received.map(({ headers }) => String(headers['webhook-id']));
    assert.deepEqual(arrived.toSorted(), json.events.map(({ id }) => id).toSorted());
    assert.equal(one.running.logged('store.unavailable').length, 0);
  });

  it('is one that a real constraint refuses', async () => {
    await using running = await RunningCore.start();
    await using receiver = await Receiver.start();
    const account = await running.store.createAccount('one');
    await running.addWebhook(account, receiver.url);
    const given = events(account, 10).map((good, i) => ({ ...good, campaignId: i === 4 ? 0 : 1 }));
    const acceptances = await running.core.intake.accept(given);
    assert.deepEqual(
      acceptances.map((each) => ('refusal' in each ? each.refusal.code : each.deliveries)),
      [1, 1, 1, 1, 'validation_error', 1, 1, 1, 1, 1],
    );
    await waitFor('nine', async () => (await running.pending(account)).length === 0);
    assert.equal(receiver.received.length, 9);
  });
});

describe('a big call', () => {
  for (const [what, webhooks, count] of [
    ['of 1,000 events for 30 webhooks', 30, 1_000],
    ['of a few events for 3,000 webhooks', 3_000, 3],
  ] as const) {
    it(`${what} is not ended before an event that another account posts meanwhile`, async () => {
      const begun = new Gate();
      await using running = await RunningCore.start({
        env: { POSTHORN_CONCURRENCY: '4' },
        around: (store) => ({
          commit: (batch) => {
            if (batch.accepts.length > 0) begun.open();
            return store.commit(batch);
          },
        }),
      });
      // What is delivered is no matter here: nothing is answered.
      await using receiver = await Receiver.start(() => undefined);
      const [big, small] = [
        await running.store.createAccount('big'),
        await running.store.createAccount('small'),
      ];
      await Promise.all(
        Array.from({ length: webhooks }, () => running.addWebhook(big, receiver.url)),
      );
      await running.addWebhook(small, receiver.url);
      const answered: string[] = [];
      const call = async (who: string, accountId: number, many: number): Promise<void> => {
        const acceptances = await running.core.intake.accept(events(accountId, many));
        assert.ok(acceptances.every((acceptance) => 'id' in acceptance));
        answered.push(who);
      };
      const calls = [call('big', big, count)];
      await begun.opened;
      calls.push(call('small', small, 1));
      await Promise.all(calls);
      assert.deepEqual(answered, ['small', 'big']);
      const stored = await running.store.events(big, {}, { limit: 1, cursor: null });
      assert.equal(stored.items.length, 1);
    });
  }
});
