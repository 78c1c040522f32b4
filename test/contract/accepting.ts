import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acceptedAt } from '../../src/domain/ids.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

export function accepting(opened: TestStore): void {
  describe('accepting', () => {
    it('stores an event with its deliveries, due at once', async () => {
      const account = await TestAccount.create(opened);
      const webhooks = [await account.webhook(), await account.webhook()];
      const event = await account.accept(webhooks, { callerEventId: 'a', categoryId: 1 });
      assert.deepEqual(await account.store.event(account.id, event.id), event);
      const at = acceptedAt(event.id);
      for (const webhook of webhooks) {
        assert.deepEqual(await account.delivery(event, webhook), {
          eventId: event.id,
          webhookId: webhook.id,
          status: 'pending',
          attemptCount: 0,
          nextAttemptAt: at,
          createdAt: at,
          endedAt: null,
          event,
          webhookVersion: webhook.version,
          attempts: [],
        });
        const { deliveries } = await account.store.due(webhook.id, at, 10);
        assert.deepEqual(
          deliveries.map(({ eventId }) => eventId),
          [event.id],
        );
      }
      assert.equal((await account.deliveries()).length, 2);
    });

    it('stores an event that no webhook gets', async () => {
      const account = await TestAccount.create(opened);
      const event = await account.accept([]);
      assert.deepEqual(await account.events(), [event]);
      assert.deepEqual(await account.deliveries(), []);
    });

    it('takes a batch of nothing', async () => {
      const nothing = { records: [], accepts: [] };
      assert.deepEqual(await opened.store.commit(nothing), { ...nothing, disabled: [] });
    });

    it('takes many events in one batch, each with its own deliveries', async () => {
      const account = await TestAccount.create(opened);
      const webhooks = [await account.webhook(), await account.webhook(), await account.webhook()];
      const version = await account.version();
      const accepts = Array.from({ length: 500 }, (_, i) =>
        account.entryAt(version, webhooks.slice(0, i % 4), { body: `{"n":${i}}` }),
      );
      const results = await account.commit({ accepts });
      assert.deepEqual(new Set(results.accepts.map(({ kind }) => kind)), new Set(['accepted']));
      assert.equal(results.accepts.length, 500);
      const events = await account.events();
      assert.deepEqual(events, accepts.map(({ event }) => event).toReversed());
      const wanted = accepts.flatMap(({ event, deliveries }) =>
        deliveries.map(({ webhookId }) => `${event.id} ${webhookId}`),
      );
      const found = await account.deliveries();
      assert.deepEqual(
        found.map(({ eventId, webhookId }) => `${eventId} ${webhookId}`).toSorted(),
        wanted.toSorted(),
      );
    });

    it('tells what became of each in the order of the batch', async () => {
      const account = await TestAccount.create(opened);
      const known = await account.accept([], { callerEventId: 'known' });
      const fresh = await account.entry([]);
      const duplicate = await account.entry([], { callerEventId: 'known' });
      const stale = { ...fresh, accountVersion: fresh.accountVersion - 1 };
      const last = await account.entry([], { callerEventId: 'new' });
      const { accepts } = await account.commit({ accepts: [stale, duplicate, last, fresh] });
      assert.deepEqual(accepts, [
        { kind: 'stale' },
        { kind: 'duplicate', eventId: known.id, deliveries: 0 },
        { kind: 'accepted' },
        { kind: 'accepted' },
      ]);
    });

    it('is seen by whoever reads after the answer', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      for (let i = 0; i < 30; i += 1) {
        const event = await account.accept([webhook]);
        assert.deepEqual(await account.store.event(account.id, event.id), event);
        assert.equal((await account.deliveries()).length, i + 1);
      }
    });

    it('registers the campaign that it names, and its client is not the event’s', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      assert.equal(await store.campaign(id, 77), undefined);
      await account.accept([], { campaignId: 77, clientId: 5 });
      const campaign = await store.campaign(id, 77);
      assert.partialDeepStrictEqual(campaign, { id: 77, name: null, clientId: null, status: null });
      await account.accept([], { campaignId: 77, clientId: 6 });
      assert.deepEqual(await store.campaign(id, 77), campaign, 'a second mention changes nothing');
    });

    it('does not change the account: only what matching looks at does', async () => {
      const account = await TestAccount.create(opened);
      const before = await account.snapshot();
      await account.accept([], { campaignId: 1, clientId: 2, categoryId: 3 });
      assert.deepEqual(await account.snapshot(), before);
    });
  });
}
