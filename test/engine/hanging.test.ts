import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answer, Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { event, events, Gate, RunningCore } from './running-core.ts';

const SLOTS = 16;
/** What one account may hold of them while it is alone. */
const SHARE = 12;

async function twoAccounts(running: RunningCore): Promise<[number, number]> {
  const { store } = running;
  return [await store.createAccount('slow'), await store.createAccount('healthy')];
}

describe('more webhooks that hang than there are slots', () => {
  it("hold up no other account's: it is served before the first of them has timed out", async () => {
    let hangingEnded = 0;
    await using running = await RunningCore.start({
      env: { POSTHORN_CONCURRENCY: String(SLOTS), POSTHORN_REQUEST_TIMEOUT: '60s' },
    });
    await using receiver = await Receiver.start((received, response) => {
      if (received.path === '/healthy') answer(received, response, 200);
      else response.on('close', () => (hangingEnded += 1));
    });
    const [slow, healthy] = await twoAccounts(running);
    for (let i = 0; i < 24; i += 1) await running.addWebhook(slow, `${receiver.url}/${i}`);
    await running.addWebhook(healthy, `${receiver.url}/healthy`);
    await running.core.intake.accept(events(slow, 3));
    await waitFor('all that one account may have', () => receiver.received.length === SHARE);
    for (let i = 1; i <= 20; i += 1) {
      await running.core.intake.accept([event(healthy)]);
      await waitFor('the healthy one', () => receiver.at('/healthy').length === i);
    }
    assert.equal(hangingEnded, 0, 'all that hung was hanging still');
    assert.equal(receiver.received.length, SHARE + 20);
  });

  it('hold up nobody once they are known, though each is of another account', async () => {
    await using running = await RunningCore.start({
      env: {
        POSTHORN_CONCURRENCY: String(SLOTS),
        POSTHORN_REQUEST_TIMEOUT: '1s',
        POSTHORN_RETRY_SCHEDULE: Array.from({ length: 100 }, () => '100ms').join(','),
      },
    });
    await using receiver = await Receiver.start((received, response) => {
      if (received.path === '/healthy') answer(received, response, 200);
    });
    const { store, core } = running;
    for (let i = 0; i < 24; i += 1) {
      const account = await store.createAccount(`slow ${i}`);
      await running.addWebhook(account, `${receiver.url}/${i}`);
      await core.intake.accept(events(account, 3));
    }
    const healthy = await store.createAccount('healthy');
    await running.addWebhook(healthy, `${receiver.url}/healthy`);
    const timedOut = (): unknown[] =>
      running.logged('attempt.ended').map((line) => line['webhookId']);
    await waitFor('each has timed out', () => new Set(timedOut()).size === 24);
    for (let sent = 1; sent <= 20; sent += 1) {
      await core.intake.accept([event(healthy)]);
      const arrived = (): unknown[] => receiver.at('/healthy').map((r) => r.headers['webhook-id']);
      await waitFor('the healthy one', () => new Set(arrived()).size === sent);
    }
  });

  it('are all tried, though nothing else comes', async () => {
    await using running = await RunningCore.start({
      env: {
        POSTHORN_CONCURRENCY: String(SLOTS),
        POSTHORN_REQUEST_TIMEOUT: '1500ms',
        POSTHORN_RETRY_SCHEDULE: '1h',
      },
    });
    await using receiver = await Receiver.start(() => undefined);
    const account = await running.store.createAccount('one');
    for (let i = 0; i < SHARE; i += 1) await running.addWebhook(account, `${receiver.url}/${i}`);
    await running.core.intake.accept(events(account, 2));
    await waitFor('each event at each webhook', () => receiver.received.length === 2 * SHARE);
  });
});

describe('endpoints that are slow but answer', () => {
  it("hold up no other account's, and get everything", async () => {
    const gate = new Gate();
    await using running = await RunningCore.start({
      env: { POSTHORN_CONCURRENCY: String(SLOTS), POSTHORN_REQUEST_TIMEOUT: '60s' },
      gates: [gate],
    });
    await using receiver = await Receiver.start((received, response) => {
      if (received.path === '/healthy') answer(received, response, 200);
      else void gate.opened.then(() => answer(received, response, 200));
    });
    const [slow, healthy] = await twoAccounts(running);
    for (let i = 0; i < 24; i += 1) await running.addWebhook(slow, `${receiver.url}/${i}`);
    await running.addWebhook(healthy, `${receiver.url}/healthy`);
    await running.core.intake.accept(events(slow, 5));
    await waitFor('all that one account may have', () => receiver.received.length === SHARE);
    await running.core.intake.accept(events(healthy, 5));
    await waitFor('the healthy one', () => receiver.at('/healthy').length === 5);
    assert.ok(receiver.received.every(({ path, status }) => path === '/healthy' || !status));
    gate.open();
    await waitFor('none pending', async () => (await running.pending(slow)).length === 0);
    assert.equal(receiver.received.length, 24 * 5 + 5);
  });
});
