import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StoreUnavailable } from '../../src/store/store.ts';
import { answer, Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { event, events, Gate, RunningCore } from './running-core.ts';

/** A store whose probe works and whose commits do not while it is full: a disk with room for one page. */
function fullDisk() {
  const disk = { full: false, commits: 0, probes: 0, open: () => void (disk.full = false) };
  const around = (store: RunningCore['store']) => ({
    commit: async (batch: Parameters<typeof store.commit>[0]) => {
      if (!disk.full) return store.commit(batch);
      disk.commits += 1;
      throw new StoreUnavailable('SQLITE_FULL: database or disk is full');
    },
    probe: async () => {
      disk.probes += 1;
      await store.probe();
    },
  });
  return Object.assign(disk, { around });
}

/**
 * The probes until a timer of the same event loop fires: the pauses of 50, 100, 200 and 400 ms before
 * the first four are longer than 700 ms together, however late all timers are.
 */
function probesIn(disk: { readonly probes: number }, ms: number): Promise<number> {
  return new Promise((resolve) => setTimeout(() => resolve(disk.probes), ms));
}

function outages(running: RunningCore): [number, number] {
  return [running.logged('store.unavailable').length, running.logged('store.available').length];
}

describe('an outage in which the probe works and commits do not', () => {
  it('is one outage, in which commits are tried at growing waits', async () => {
    const disk = fullDisk();
    const gate = new Gate();
    await using running = await RunningCore.start({ around: disk.around, gates: [disk, gate] });
    await using receiver = await Receiver.start((received, response) => {
      void gate.opened.then(() => answer(received, response, 200));
    });
    const account = await running.store.createAccount('one');
    await running.addWebhook(account, receiver.url);
    await running.core.intake.accept([event(account)]);
    await waitFor('in flight', () => receiver.received.length === 1);
    disk.full = true;
    // Its attempt is made and cannot be recorded: it is kept, and tried again and again.
    gate.open();
    await waitFor('the outage', () => running.core.faults.length > 0);
    const probesBy700 = probesIn(disk, 700);
    const [refused] = await running.core.intake.accept([event(account)]);
    assert.ok(refused && 'refusal' in refused);
    assert.equal(refused.refusal.code, 'unavailable');
    await waitFor('five probes', () => disk.probes >= 5);
    assert.ok(disk.commits <= disk.probes + 1, `${disk.commits} for ${disk.probes} probes`);
    assert.ok((await probesBy700) <= 4, `${await probesBy700} probes by then`);
    assert.deepEqual(outages(running), [1, 0]);
    disk.full = false;
    await waitFor('available', () => running.core.faults.length === 0);
    await waitFor('recorded', async () => (await running.pending(account)).length === 0);
    assert.deepEqual(outages(running), [1, 1]);
    assert.equal(receiver.received.length, 1);
  });

  it('is told of at growing waits also where only accepting fails', async () => {
    const disk = fullDisk();
    await using running = await RunningCore.start({ around: disk.around, gates: [disk] });
    const account = await running.store.createAccount('one');
    disk.full = true;
    const probesBy700 = probesIn(disk, 700);
    await waitFor('five probes', async () => {
      const [refused] = await running.core.intake.accept([event(account)]);
      assert.ok(refused && 'refusal' in refused);
      return disk.probes >= 5;
    });
    assert.ok((await probesBy700) <= 4, `${await probesBy700} probes by then`);
    disk.full = false;
    await waitFor('accepted', async () => {
      const [accepted] = await running.core.intake.accept([event(account)]);
      return accepted && 'id' in accepted;
    });
    // A probe that works lets the next one try; and the pauses between grow all the same.
    const [away, back] = outages(running);
    assert.equal(away, back);
    assert.ok(away <= disk.probes, `${away} outages were told of with ${disk.probes} probes`);
  });
});

describe('an error that nobody listed', () => {
  it('is refused for the event that it strikes; others of the same commit go through', async () => {
    const error = { strikes: true, open: () => void (error.strikes = false) };
    await using running = await RunningCore.start({
      gates: [error],
      around: (store) => ({
        commit: async (batch) => {
          const struck = batch.accepts.some(({ event: { body } }) => body === 'poison');
          if (struck && error.strikes) throw new Error('SQLITE_ERROR: something nobody listed');
          return store.commit(batch);
        },
      }),
    });
    await using receiver = await Receiver.start();
    const account = await running.store.createAccount('one');
    await running.addWebhook(account, receiver.url);
    const calls = Array.from({ length: 40 }, (_, i) =>
      running.core.intake.accept([event(account, i === 17 ? { body: 'poison' } : {})]),
    );
    const codes = (await Promise.all(calls)).map(
      ([one]) => one && ('refusal' in one ? one.refusal.code : 'accepted'),
    );
    const wanted = codes.map((_, i) => (i === 17 ? 'validation_error' : 'accepted'));
    assert.deepEqual(codes, wanted);
    await waitFor('delivered', async () => (await running.pending(account)).length === 0);
    assert.equal(receiver.received.length, 39);
    assert.deepEqual(outages(running), [0, 0]);
    assert.equal(running.logged('task.failed').length, 1);
  });

  it('keeps an attempt from being recorded, and no other, and nobody from accepting', async () => {
    const error = { strikes: true, open: () => void (error.strikes = false) };
    await using running = await RunningCore.start({
      gates: [error],
      around: (store) => ({
        commit: async (batch) => {
          const struck = batch.records.some(({ attempt: { url } }) => url.endsWith('/poison'));
          if (struck && error.strikes) throw new Error('SQLITE_ERROR: something nobody listed');
          return store.commit(batch);
        },
      }),
    });
    await using receiver = await Receiver.start();
    const account = await running.store.createAccount('one');
    const poisoned = await running.addWebhook(account, `${receiver.url}/poison`);
    await running.addWebhook(account, `${receiver.url}/good`);
    const calls = Array.from({ length: 20 }, () => running.core.intake.accept([event(account)]));
    for (const [accepted] of await Promise.all(calls)) assert.ok(accepted && 'id' in accepted);
    await waitFor('the good ones', () => receiver.at('/good').length === 20);
    await waitFor('the others', () => running.logged('attempt.not_recorded').length === 20);
    await waitFor('recorded', async () => (await running.pending(account)).length === 20);
    const pending = await running.pending(account);
    assert.ok(pending.every(({ webhookId }) => webhookId === poisoned.id));
    assert.ok(running.logged('attempt.not_recorded').every(({ why }) => why === 'refused'));
    assert.equal(receiver.at('/poison').length, 20, 'not again at once');
    assert.deepEqual(outages(running), [0, 0]);
  });
});

describe('a store that takes its time', () => {
  it('is waited for: so many attempts wait to be recorded, and no more are made', async () => {
    const [bound, slots, webhooks, each] = [1_024, 256, 64, 30];
    const [accepted, gate] = [new Gate(), new Gate()];
    await using running = await RunningCore.start({
      gates: [accepted, gate],
      env: { POSTHORN_CONCURRENCY: String(slots) },
      around: (store) => ({
        commit: async (batch) => {
          if (batch.records.length > 0) await gate.opened;
          return store.commit(batch);
        },
      }),
    });
    await using receiver = await Receiver.start((received, response) => {
      void accepted.opened.then(() => answer(received, response, 200));
    });
    const account = await running.store.createAccount('one');
    for (let i = 0; i < webhooks; i += 1) await running.addWebhook(account, `${receiver.url}/${i}`);
    await running.core.intake.accept(events(account, each));
    const sent = (): number => receiver.received.length;
    accepted.open();
    await waitFor('as many as may wait', () => running.core.unrecorded >= bound);
    let [before, quiet] = [0, 0];
    await waitFor('no more come', () => {
      quiet = sent() === before ? quiet + 1 : 0;
      before = sent();
      return quiet === 10;
    });
    assert.ok(sent() < bound + slots, `${sent()} were sent and none is recorded`);
    gate.open();
    await waitFor('all is recorded', async () => (await running.pending(account)).length === 0);
    assert.equal(sent(), webhooks * each);
  });
});
