import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Store } from '../../src/store/store.ts';
import { answer, Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { event, events, Gate, RunningCore } from './running-core.ts';

/** Matched by four webhooks each: 200 of them go into a commit at once. */
const EVENTS = 500;

/** A new webhook's slots: so many requests are in flight to an endpoint that has not answered yet. */
const FIRST_SLOTS = 2;

/** The real commit; the answer of the nth that brings events comes when the gate opens. */
function nthAnswerHeld(commit: Store['commit'], nth: number, reached: Gate, gate: Gate) {
  let accepting = 0;
  const held: Store['commit'] = async (batch) => {
    const result = await commit(batch);
    if (batch.accepts.length === 0) return result;
    accepting += 1;
    if (accepting === nth) {
      reached.open();
      await gate.opened;
    }
    return result;
  };
  return held;
}

describe('a webhook that is changed while a call of several commits is under way', () => {
  for (const [when, nth, sent] of [
    ['the first commit is answered', 1, 0],
    ['a later commit is answered', 2, FIRST_SLOTS],
  ] as const) {
    it(`gets nothing more after its delete, and all at its new URL, before ${when}`, async () => {
      const [reached, gate] = [new Gate(), new Gate()];
      await using running = await RunningCore.start({
        gates: [reached, gate],
        around: (store) => ({
          commit: nthAnswerHeld((batch) => store.commit(batch), nth, reached, gate),
        }),
      });
      await using receiver = await Receiver.start((received, response) => {
        const held = ['/deleted', '/old'].includes(received.path);
        if (held) void gate.opened.then(() => answer(received, response, 200));
        else answer(received, response, 200);
      });
      const account = await running.store.createAccount('one');
      const add = (path: string) => running.addWebhook(account, receiver.url + path);
      const [deleted, moved] = [await add('/deleted'), await add('/old')];
      for (const path of ['/a', '/b']) await add(path);
      const call = running.core.intake.accept(events(account, EVENTS));
      await reached.opened;
      const got = (path: string): number => receiver.at(path).length;
      await waitFor('those before', () => got('/deleted') === sent && got('/old') === sent);
      await running.webhooks.delete(account, deleted.id);
      await running.webhooks.update(account, moved.id, { url: `${receiver.url}/new` });
      gate.open();
      const acceptances = await call;
      assert.ok(acceptances.every((acceptance) => 'id' in acceptance));
      await waitFor('all', async () => (await running.pending(account)).length === 0);
      assert.deepEqual(
        {
          deleted: got('/deleted'),
          old: got('/old'),
          new: got('/new'),
          a: got('/a'),
          b: got('/b'),
        },
        { deleted: sent, old: sent, new: EVENTS - sent, a: EVENTS, b: EVENTS },
      );
      assert.equal(running.logged('attempt.not_recorded').length, 0);
    });
  }
});

describe('a webhook that was deleted before the commit of its event was answered', () => {
  it('gets nothing, also where changes of its account were told in another order', async () => {
    const [committed, gate, late] = [new Gate(), new Gate(), new Gate()];
    await using running = await RunningCore.start({
      gates: [committed, gate, late],
      around: (store) => ({
        commit: nthAnswerHeld((batch) => store.commit(batch), 1, committed, gate),
        updateWebhook: async (...args) => {
          const updated = await store.updateWebhook(...args);
          await late.opened;
          return updated;
        },
      }),
    });
    await using receiver = await Receiver.start();
    const account = await running.store.createAccount('one');
    const deleted = await running.addWebhook(account, `${receiver.url}/deleted`);
    const other = await running.addWebhook(account, `${receiver.url}/other`);
    const call = running.core.intake.accept([event(account)]);
    await committed.opened;
    // Told after the delete, though it came before: the copy of the account fits neither.
    const update = running.webhooks.update(account, other.id, { name: 'renamed' });
    await running.webhooks.delete(account, deleted.id);
    gate.open();
    await call;
    await waitFor('the other one', () => receiver.at('/other').length === 1);
    late.open();
    await update;
    await running.core.stopSending();
    assert.equal(receiver.at('/deleted').length, 0);
  });
});

describe('a 410 of a URL that the webhook has no longer', () => {
  it('does not disable it: the delivery goes to the new URL', async () => {
    await using running = await RunningCore.start();
    let goneNow: (() => void) | undefined;
    await using receiver = await Receiver.start((received, response) => {
      if (received.path === '/new') answer(received, response, 200);
      else goneNow = () => answer(received, response, 410);
    });
    const account = await running.store.createAccount('one');
    const { id } = await running.addWebhook(account, `${receiver.url}/old`);
    await running.core.intake.accept([event(account)]);
    const release = await waitFor('in flight', () => goneNow);
    await running.webhooks.update(account, id, { url: `${receiver.url}/new` });
    release();
    await waitFor('none pending', async () => (await running.pending(account)).length === 0);
    const found = await running.store.webhook(account, id);
    assert.equal(found?.webhook.status, 'active');
    assert.deepEqual(
      receiver.received.map(({ path, headers }) => [path, headers['x-posthorn-attempt']]),
      [
        ['/old', '1'],
        ['/new', '2'],
      ],
    );
  });

  it('does not disable it, also where only its record is late', async () => {
    const [reached, gate] = [new Gate(), new Gate()];
    await using running = await RunningCore.start({
      gates: [reached, gate],
      around: (store) => ({
        // The commit that brings the 410 comes to the store after the update.
        commit: async (batch) => {
          if (batch.records.some(({ next }) => next.status === 'canceled')) {
            reached.open();
            await gate.opened;
          }
          return store.commit(batch);
        },
      }),
    });
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, received.path === '/new' ? 200 : 410),
    );
    const account = await running.store.createAccount('one');
    const { id } = await running.addWebhook(account, `${receiver.url}/old`);
    await running.core.intake.accept([event(account)]);
    await reached.opened;
    await running.webhooks.update(account, id, { url: `${receiver.url}/new` });
    gate.open();
    await waitFor('none pending', async () => (await running.pending(account)).length === 0);
    const found = await running.store.webhook(account, id);
    assert.equal(found?.webhook.status, 'active');
    assert.equal(receiver.at('/new').length, 1);
  });

  it('is not asked again and again where the new one is in the store, and not known yet', async () => {
    const [written, told] = [new Gate(), new Gate()];
    await using running = await RunningCore.start({
      gates: [written, told],
      around: (store) => ({
        // As where another node makes the change: its signal takes a while, or is lost.
        updateWebhook: async (...args) => {
          const updated = await store.updateWebhook(...args);
          written.open();
          await told.opened;
          return updated;
        },
      }),
    });
    await using receiver = await Receiver.start((received, response) => {
      if (received.path !== '/old') answer(received, response, 200);
      else void written.opened.then(() => answer(received, response, 410));
    });
    const account = await running.store.createAccount('one');
    const other = await running.store.createAccount('other');
    const { id } = await running.addWebhook(account, `${receiver.url}/old`);
    await running.addWebhook(other, `${receiver.url}/other`);
    await running.core.intake.accept([event(account)]);
    await waitFor('in flight', () => receiver.at('/old').length === 1);
    const update = running.webhooks.update(account, id, { url: `${receiver.url}/new` });
    await waitFor('its record', () => running.logged('attempt.ended').length > 0);
    for (let sent = 1; sent <= 20; sent += 1) {
      await running.core.intake.accept([event(other)]);
      await waitFor('the other one', () => receiver.at('/other').length === sent);
    }
    assert.ok(
      receiver.at('/old').length <= 3,
      `${receiver.at('/old').length} POSTs to the old URL`,
    );
    told.open();
    await update;
    await waitFor('none pending', async () => (await running.pending(account)).length === 0);
    assert.equal(receiver.at('/new').length, 1);
  });
});

describe('news of a webhook that are older than what is known', () => {
  it('change nothing: what is tried again goes to its URL of now', async () => {
    const gate = new Gate();
    await using running = await RunningCore.start({
      gates: [gate],
      env: { POSTHORN_RETRY_SCHEDULE: '100ms' },
    });
    await using receiver = await Receiver.start((received, response) => {
      if (received.path === '/new') answer(received, response, 200);
      else void gate.opened.then(() => answer(received, response, 500));
    });
    const account = await running.store.createAccount('one');
    const webhook = await running.addWebhook(account, `${receiver.url}/old`);
    await running.core.intake.accept([event(account)]);
    await waitFor('in flight', () => receiver.at('/old').length === 1);
    await running.webhooks.update(account, webhook.id, { url: `${receiver.url}/new` });
    running.core.webhookChanged(webhook);
    gate.open();
    await waitFor('delivered', async () => (await running.pending(account)).length === 0);
    assert.equal(receiver.at('/old').length, 1);
    assert.equal(receiver.at('/new').length, 1);
  });
});
