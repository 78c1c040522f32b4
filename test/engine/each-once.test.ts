import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CommitBatch, CommitResult, Store } from '../../src/store/store.ts';
import { answer, Receiver, type Received } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { event, events, Gate, RunningCore } from './running-core.ts';

/** 21 of these make more than one commit may weigh (4 MiB). */
const BIG = JSON.stringify({ x: 'y'.repeat(200_000) });
const IN_ONE_COMMIT = 20;

/** One POST as its receiver can tell it from another. */
function key({ path, headers }: Received): string {
  return `${path} ${String(headers['webhook-id'])} ${String(headers['x-posthorn-attempt'])}`;
}

/** Answers 500 until it is told not to. */
async function startFailing(): Promise<Receiver & { heal(): void }> {
  let status = 500;
  const receiver = await Receiver.start((r, response) => answer(r, response, status));
  return Object.assign(receiver, { heal: () => void (status = 200) });
}

/**
 * The real commit; the answers of those that bring big events come when their gates open.
 * @param written opened as soon as the first of them is on disk
 */
function answersHeld(
  commit: Store['commit'],
  written: Gate,
  gates: readonly Gate[],
): (batch: CommitBatch) => Promise<CommitResult> {
  let held = 0;
  return async (batch) => {
    const result = await commit(batch);
    if (batch.accepts.some(({ event: { body } }) => body === BIG)) {
      written.open();
      held += 1;
      await gates[held - 1]?.opened;
    }
    return result;
  };
}

describe('a page of due deliveries that shows what a commit wrote before its callers know', () => {
  for (const [what, count, commits] of [
    ['one commit', 5, 1],
    ['two commits', IN_ONE_COMMIT + 5, 2],
    ['three commits', 2 * IN_ONE_COMMIT + 5, 3],
  ] as const) {
    it(`makes no second POST of events that one call brought in ${what}`, async () => {
      const gates = Array.from({ length: commits }, () => new Gate());
      const written = new Gate();
      const pages: number[] = [];
      await using running = await RunningCore.start({
        env: { POSTHORN_RETRY_SCHEDULE: '100ms,1h' },
        gates: [written, ...gates],
        around: (store) => ({
          commit: answersHeld((batch) => store.commit(batch), written, gates),
          due: async (...args) => {
            await written.opened;
            const page = await store.due(...args);
            pages.push(page.deliveries.length);
            return page;
          },
        }),
      });
      await using receiver = await startFailing();
      const account = await running.store.createAccount('one');
      await running.addWebhook(account, receiver.url);
      // Due again soon: so the lane reads while the first commit is on its way.
      await running.core.intake.accept([event(account)]);
      await waitFor('the failure', () => running.logged('attempt.ended').length === 1);
      receiver.heal();
      const call = running.core.intake.accept(events(account, count, { body: BIG }));
      const shown = Math.min(count, IN_ONE_COMMIT);
      await waitFor('a page with them', () => pages.some((length) => length >= 1 + shown));
      gates[0]?.open();
      if (commits > 1) {
        // Their records come into a commit behind those of the call.
        await waitFor('their POSTs', () => running.core.unrecorded >= shown);
      }
      for (const gate of gates) gate.open();
      await call;
      await waitFor(
        'all recorded',
        async () =>
          (await running.pending(account)).length === 0 && receiver.received.length > count,
      );
      assert.equal(running.logged('attempt.not_recorded').length, 0);
      assert.equal(receiver.received.length, 2 + count);
      assert.equal(new Set(receiver.received.map(key)).size, 2 + count);
    });
  }
});

describe('many retries under load', () => {
  it('make each attempt of each delivery once', async () => {
    const [webhooks, callers, calls] = [4, 8, 60];
    await using running = await RunningCore.start({
      env: { POSTHORN_RETRY_SCHEDULE: '1ms,1ms,1ms' },
    });
    let failures = 0;
    await using receiver = await Receiver.start((received, response) => {
      const fails = received.headers['x-posthorn-attempt'] === '1' && Math.random() < 0.5;
      if (fails) failures += 1;
      answer(received, response, fails ? 500 : 200);
    });
    const account = await running.store.createAccount('one');
    for (let i = 0; i < webhooks; i += 1) await running.addWebhook(account, `${receiver.url}/${i}`);
    const caller = async (): Promise<void> => {
      for (let i = 0; i < calls; i += 1) await running.core.intake.accept([event(account)]);
    };
    await Promise.all(Array.from({ length: callers }, caller));
    const deliveries = webhooks * callers * calls;
    await waitFor('all recorded', async () => {
      return (
        receiver.received.length >= deliveries && (await running.pending(account)).length === 0
      );
    });
    assert.ok(failures > 0);
    assert.equal(receiver.received.length, deliveries + failures);
    assert.equal(new Set(receiver.received.map(key)).size, deliveries + failures);
    assert.equal(running.logged('attempt.not_recorded').length, 0);
  });
});
