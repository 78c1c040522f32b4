import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answered410, delivered, givenUp, newEventId, retryAt, deliveryOf } from './examples.ts';
import { accepted, due, ended } from './redo-scene.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

export function retrying(opened: TestStore): void {
  describe('retrying a delivery', () => {
    for (const [status, ending] of [
      ['succeeded', delivered()],
      ['exhausted', givenUp()],
    ] as const) {
      it(`puts one that has ${status} back, due now, for one attempt more`, async () => {
        const account = await TestAccount.create(opened);
        const webhook = await account.webhook();
        const [event, other] = await ended(account, webhook, 2, ending);
        assert.ok(event && other);
        const before = await account.delivery(event, webhook);
        const untouched = await account.delivery(other, webhook);
        const key = { eventId: event.id, webhookId: webhook.id };
        assert.deepEqual(await account.store.retryDelivery(account.id, key), { kind: 'put_back' });
        const { nextAttemptAt, ...after } = await account.delivery(event, webhook);
        assert.ok(nextAttemptAt !== null && Math.abs(nextAttemptAt - Date.now()) < 60_000);
        assert.deepEqual(
          { ...after, nextAttemptAt },
          { ...before, status: 'pending', endedAt: null, nextAttemptAt },
        );
        const pending = {
          ...deliveryOf(event, webhook),
          attemptCount: 1,
          scheduleBase: -1,
          nextAttemptAt,
          eventType: event.type,
          body: event.body,
        };
        assert.deepEqual((await due(account, webhook)).deliveries, [pending]);
        const named = [other.id, newEventId(), event.id];
        assert.deepEqual(await account.store.retried(webhook.id, named), [pending]);
        assert.deepEqual(await account.delivery(other, webhook), untouched);
        assert.deepEqual(await account.store.retryDelivery(account.id, key), { kind: 'pending' });
        assert.equal(await account.record(event, webhook, givenUp(2)), 'recorded');
        const again = await account.delivery(event, webhook);
        assert.deepEqual([again.status, again.attempts.length], ['exhausted', 2]);
      });
    }

    it('is by one named, for whoever sends to its webhook: what is pending otherwise is not', async () => {
      const account = await TestAccount.create(opened);
      const { store } = account;
      const webhook = await account.webhook();
      const [fresh] = await accepted(account, [webhook], 1);
      const [event] = await ended(account, webhook, 1, givenUp());
      assert.ok(fresh && event);
      const retried = async (): Promise<string[]> =>
        (await store.retried(webhook.id, [fresh.id, event.id])).map(({ eventId }) => eventId);
      assert.deepEqual(await retried(), []);
      await store.retryDelivery(account.id, { eventId: event.id, webhookId: webhook.id });
      assert.deepEqual(await retried(), [event.id]);
      assert.deepEqual(await store.retried(webhook.id + 1, [event.id]), []);
      await store.moveWebhook(account.id, webhook.id, 'pause');
      assert.deepEqual(await retried(), [], 'of a paused webhook it waits');
      await store.moveWebhook(account.id, webhook.id, 'resume');
      assert.deepEqual(await retried(), [event.id]);
      assert.equal(await account.record(event, webhook, givenUp(2)), 'recorded');
      assert.deepEqual(await retried(), []);
    });

    it('keeps the version that matched, and when it was made', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const [event] = await ended(account, webhook, 1, givenUp());
      assert.ok(event);
      const { webhookVersion, createdAt } = await account.delivery(event, webhook);
      await account.store.updateWebhook(account.id, webhook.id, { name: 'changed' });
      await account.store.retryDelivery(account.id, { eventId: event.id, webhookId: webhook.id });
      const after = await account.delivery(event, webhook);
      assert.deepEqual([after.webhookVersion, after.createdAt], [webhookVersion, createdAt]);
    });

    it('leaves what is pending as it is', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const [fresh, waiting] = await accepted(account, [webhook], 2);
      assert.ok(fresh && waiting);
      await account.record(waiting, webhook, retryAt(1_900_000_000_000));
      for (const event of [fresh, waiting]) {
        const before = await account.delivery(event, webhook);
        const key = { eventId: event.id, webhookId: webhook.id };
        assert.deepEqual(await account.store.retryDelivery(account.id, key), { kind: 'pending' });
        assert.deepEqual(await account.delivery(event, webhook), before);
      }
    });

    it('finds nothing of another account, nor what there is not', async () => {
      const [account, other] = [await TestAccount.create(opened), await TestAccount.create(opened)];
      const webhook = await account.webhook();
      const [event] = await ended(account, webhook, 1, givenUp());
      assert.ok(event);
      const pending = await account.accept([webhook]);
      const key = { eventId: event.id, webhookId: webhook.id };
      for (const [accountId, wanted] of [
        [other.id, key],
        [other.id, { ...key, eventId: pending.id }],
        [account.id, { ...key, eventId: newEventId() }],
        [account.id, { ...key, webhookId: 987_654_321 }],
      ] as const) {
        assert.equal(await account.store.retryDelivery(accountId, wanted), undefined);
      }
      assert.equal((await account.delivery(event, webhook)).status, 'exhausted');
    });

    it('is not possible for a disabled webhook until it is resumed, nor for a deleted one', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const [event] = await accepted(account, [webhook], 1);
      assert.ok(event);
      await account.record(event, webhook, answered410());
      const key = { eventId: event.id, webhookId: webhook.id };
      const retry = (): Promise<unknown> => account.store.retryDelivery(account.id, key);
      assert.deepEqual(await retry(), { kind: 'stopped', status: 'disabled' });
      await account.store.moveWebhook(account.id, webhook.id, 'resume');
      assert.deepEqual(await retry(), { kind: 'put_back' });
      await account.store.deleteWebhook(account.id, webhook.id);
      await account.store.cancelPending(webhook.id, 10);
      const before = await account.delivery(event, webhook);
      assert.equal(before.status, 'canceled');
      assert.deepEqual(await retry(), { kind: 'stopped', status: 'deleted' });
      assert.deepEqual(await account.delivery(event, webhook), before);
    });

    it('records an attempt that was in flight when it was canceled as the one after', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const [gone, flying] = await accepted(account, [webhook], 2);
      assert.ok(gone && flying);
      await account.record(gone, webhook, answered410());
      await account.store.cancelPending(webhook.id, 10);
      await account.store.moveWebhook(account.id, webhook.id, 'resume');
      const key = { eventId: flying.id, webhookId: webhook.id };
      assert.deepEqual(await account.store.retryDelivery(account.id, key), { kind: 'put_back' });
      assert.equal(await account.record(flying, webhook, delivered(1)), 'recorded');
      const { status, attempts } = await account.delivery(flying, webhook);
      assert.deepEqual([status, attempts.length], ['succeeded', 1]);
    });

    it('takes its place in the order of its lead', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook({ ordering: 'lead' });
      const [event] = await ended(account, webhook, 1, givenUp());
      const alone = await account.accept([webhook], { leadEmail: null });
      assert.ok(event);
      await account.record(alone, webhook, givenUp());
      for (const { id: eventId } of [event, alone]) {
        await account.store.retryDelivery(account.id, { eventId, webhookId: webhook.id });
      }
      const options = { exceptKeys: [], after: null };
      const page = await account.store.dueInOrder(webhook.id, Date.now() + 1_000, 10, options);
      assert.deepEqual(
        new Map(page.deliveries.map((delivery) => [delivery.orderingKey, delivery.scheduleBase])),
        new Map([
          [alone.id, -1],
          ['lead@example.com', -1],
        ]),
      );
    });
  });
}
