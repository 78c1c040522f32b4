import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Log } from '../../src/telemetry/log.ts';
import { answer, Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { acceptOne, addWebhook, newEvent, openStore, startCore } from './core-scene.ts';

describe('who lost its shards', () => {
  it('can record nothing more: the next owner sends again, and its attempt alone counts', async () => {
    await using opened = await openStore();
    const { store } = opened;
    const lines: string[] = [];
    const log = new Log('warn', { write: (line: string) => void lines.push(line) });
    await using before = startCore(store, {}, { log });
    await using after = startCore(store, {});
    const answers: (() => void)[] = [];
    await using receiver = await Receiver.start((received, response) =>
      answers.push(() => answer(received, response, 200)),
    );
    const account = await store.createAccount('one');
    await before.core.start();
    const webhook = await addWebhook(store, before.core, account, receiver.url);
    const accepted = await acceptOne(before.core, newEvent(account));
    await waitFor('the first POST', () => answers.length === 1);

    // Takes the shards over while the first owner waits for its answer.
    await after.core.start();
    await waitFor('the second POST', () => answers.length === 2);
    answers[0]?.();
    await before.core.stopSending();
    const key = { eventId: accepted.id, webhookId: webhook.id };
    const meanwhile = await store.delivery(account, key);
    assert.deepEqual(
      [meanwhile?.status, meanwhile?.attemptCount, meanwhile?.attempts],
      ['pending', 0, []],
    );
    assert.match(lines.join(''), /"why":"not_owner".*attempt\.not_recorded/);

    answers[1]?.();
    await after.core.stopSending();
    const ended = await store.delivery(account, key);
    assert.equal(ended?.status, 'succeeded');
    assert.deepEqual(
      ended.attempts.map(({ number, outcome }) => [number, outcome]),
      [[1, 'delivered']],
    );
    assert.equal(receiver.received.length, 2);
    const ids = new Set(receiver.received.map(({ headers }) => headers['webhook-id']));
    assert.deepEqual([...ids], [accepted.id], 'a receiver can tell that it is the same');
  });
});
