import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventIdMaker } from '../../src/domain/ids.ts';
import type { RetentionStep } from '../../src/store/store.ts';
import { delivered, givenUp, retryAt } from './examples.ts';
import { aReplay, asked, stepped } from './redo-scene.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

/** The beginning of a day: a store may keep what was accepted later in the day that a time is in. */
const T = Math.floor(Date.now() / 86_400_000) * 86_400_000;
const LATER = 1_900_000_000_000;
const oldId = eventIdMaker(() => T - 1);
const youngId = eventIdMaker(() => T);

/** Retention looks at all accounts, so each of these tests has a store of its own. */
export function retention(shared: TestStore): void {
  describe('retention', () => {
    it('deletes what was accepted before a time, with all that hangs on it, and nothing else', async () => {
      await using opened = await shared.another();
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhooks = [await account.webhook(), await account.webhook(), await account.webhook()];
      const [succeeds, fails, waits] = webhooks;
      assert.ok(succeeds && fails && waits);
      const events = [];
      for (const eventId of [oldId(), youngId()]) {
        const event = await account.accept(webhooks, { id: eventId, campaignId: 9 });
        await account.record(event, succeeds, retryAt(LATER));
        await account.record(event, succeeds, delivered(2));
        await account.record(event, fails, givenUp());
        events.push(event);
      }
      const [old, young] = events;
      assert.ok(old && young);
      const kept = await account.deliveries({ eventId: young.id });
      const details = await Promise.all(webhooks.map((w) => account.delivery(young, w)));
      const rest = async (): Promise<unknown> => [
        await account.snapshot(),
        await store.webhooks(id, {}, { limit: 10, cursor: null }),
        await store.campaign(id, 9),
        await store.accounts(),
      ];
      const before = await rest();

      assert.deepEqual(await store.expire(T, 10), { events: 1, exhausted: 1, more: false });
      assert.deepEqual(await account.events(), [young]);
      assert.equal(await store.event(id, old.id), undefined);
      assert.equal(await store.webhooksThen(id, old.id, { limit: 10, cursor: null }), undefined);
      assert.deepEqual(await account.deliveries(), kept);
      const after = await Promise.all(webhooks.map((w) => account.delivery(young, w)));
      assert.deepEqual(after, details);
      for (const webhook of webhooks) {
        const { id: webhookId } = webhook;
        assert.equal(await store.delivery(id, { eventId: old.id, webhookId }), undefined);
        assert.equal(await account.record(old, webhook, delivered()), 'gone');
      }
      const { deliveries } = await store.due(waits.id, LATER, 10);
      assert.deepEqual(
        deliveries.map(({ eventId }) => eventId),
        [young.id],
      );
      assert.deepEqual(await rest(), before, 'webhooks, campaigns and accounts do not grow old');
    });

    it('leaves nothing that would show, were the event to come again', async () => {
      await using opened = await shared.another();
      const account = await TestAccount.create(opened);
      const webhooks = [await account.webhook(), await account.webhook()];
      const [ended, waits] = webhooks;
      assert.ok(ended && waits);
      const event = await account.accept(webhooks, { id: oldId() });
      await account.record(event, ended, delivered());
      await account.record(event, waits, retryAt(LATER));
      assert.partialDeepStrictEqual(await opened.store.expire(T, 10), { events: 1, exhausted: 1 });
      await account.accept([], { id: event.id });
      assert.deepEqual(await account.deliveries(), []);
      await opened.store.expire(T, 10);
      await account.accept(webhooks, { id: event.id });
      for (const webhook of webhooks) {
        assert.deepEqual((await account.delivery(event, webhook)).attempts, []);
        assert.equal(await account.record(event, webhook, delivered()), 'recorded');
      }
    });

    it('goes in steps over all accounts, and says when it has come to the end', async () => {
      await using opened = await shared.another();
      const accounts = [];
      for (const count of [3, 5, 0, 1]) {
        const account = await TestAccount.create(opened);
        const webhook = await account.webhook();
        for (let i = 0; i < count; i += 1) {
          const event = await account.accept([webhook], { id: oldId() });
          if (i % 2 === 0) await account.record(event, webhook, delivered());
        }
        await account.accept([webhook], { id: youngId() });
        accounts.push(account);
      }
      const steps: RetentionStep[] = [];
      do {
        assert.ok(steps.length < 20, 'it does not come to the end');
        steps.push(await opened.store.expire(T, 2));
      } while (steps.at(-1)?.more);
      // Events may go all at once, where they lie together; what is pending still is ended row by row.
      assert.ok(steps.every(({ exhausted }) => exhausted <= 2));
      const sum = (part: 'events' | 'exhausted'): number =>
        steps.reduce((total, step) => total + step[part], 0);
      assert.deepEqual([sum('events'), sum('exhausted')], [9, 3]);
      for (const account of accounts) {
        assert.equal((await account.events()).length, 1);
        assert.equal((await account.deliveries()).length, 1);
      }
      const nothing = { events: 0, exhausted: 0, more: false };
      assert.deepEqual(await opened.store.expire(T, 2), nothing);
    });

    it('frees the caller’s event ids of what it deleted, and of nothing else', async () => {
      await using opened = await shared.another();
      const account = await TestAccount.create(opened);
      const callerEventId = 'order-1';
      await account.accept([await account.webhook()], { id: oldId(), callerEventId });
      const young = await account.accept([], { id: youngId(), callerEventId: 'order-2' });
      await opened.store.expire(T, 10);
      const again = await account.accept([], { callerEventId });
      assert.deepEqual(await account.events(), [again, young]);
      const entry = await account.entry([], { callerEventId: 'order-2' });
      const { accepts } = await account.commit({ accepts: [entry] });
      assert.deepEqual(accepts, [{ kind: 'duplicate', eventId: young.id, deliveries: 0 }]);
    });

    it('deletes redos that ended before a time, and none that goes on', async () => {
      await using opened = await shared.another();
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const [webhook, other] = [await account.webhook(), await account.webhook()];
      const done = await stepped(account, await asked(account, aReplay(webhook)));
      const goesOn = await asked(account, aReplay(other));
      assert.ok(done.endedAt !== null);
      await store.expire(done.endedAt, 10);
      assert.deepEqual(await store.redo(id, done.id), done);
      await store.expire(done.endedAt + 1, 10);
      assert.equal(await store.redo(id, done.id), undefined);
      assert.deepEqual(await store.redo(id, goesOn.id), goesOn);
      const next = await asked(account, aReplay(webhook));
      assert.ok(next.id > goesOn.id, 'what has ended since is told by these numbers');
    });

    it('takes what a stopped webhook has pending along', async () => {
      await using opened = await shared.another();
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      await account.accept([webhook], { id: oldId() });
      await opened.store.deleteWebhook(account.id, webhook.id);
      assert.deepEqual(await opened.store.webhooksToCancel(), [webhook.id]);
      await opened.store.expire(T, 10);
      assert.deepEqual(await opened.store.webhooksToCancel(), []);
      assert.equal(await opened.store.cancelPending(webhook.id, 10), 0);
    });
  });
}
