import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventIdMaker } from '../../src/domain/ids.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { answered410, delivered, newEventId } from './examples.ts';
import { explained, whyNot } from './explained.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

/** A webhook for each answer that there is, and an event that gets each of them. */
async function oneOfEach(opened: TestStore) {
  const account = await TestAccount.create(opened);
  const { store, id } = account;
  await store.declareCampaign(id, 1, { name: null, clientId: 5, status: null });
  const webhooks = {
    matched: await account.webhook({ association: 2, targetId: 5 }),
    deleted: await account.webhook(),
    disabled: await account.webhook(),
    other_client: await account.webhook({ association: 2, targetId: 6 }),
    other_campaign: await account.webhook({ association: 3, targetId: 2 }),
    event_type_not_subscribed: await account.webhook({ eventTypeMap: { SENT: true } }),
    category_filtered: await account.webhook({ categoryIdMap: { 2: true } }),
  };
  await store.deleteWebhook(id, webhooks.deleted.id);
  const gone = await account.accept([webhooks.disabled]);
  await account.record(gone, webhooks.disabled, answered410());
  const more = { type: 'REPLIED', campaignId: 1, clientId: 5, categoryId: 1 } as const;
  const event = await account.accept([webhooks.matched], more);
  const every = { ...webhooks, created_later: await account.webhook() };
  const wanted = Object.entries(every).map(([why, webhook]) => [webhook.id, why]);
  return { account, event, webhooks: every, wanted: Object.fromEntries(wanted) };
}

/** Whatever can happen to webhooks, to these. */
async function changeAll(account: TestAccount, webhooks: readonly Webhook[]): Promise<void> {
  const { store, id } = account;
  await store.declareCampaign(id, 1, { name: null, clientId: 6, status: null });
  for (const webhook of webhooks) {
    const eventTypeMap = webhook.eventTypeMap ? null : { SENT: true };
    const categoryIdMap = webhook.categoryIdMap ? null : { 2: true };
    await store.updateWebhook(id, webhook.id, { eventTypeMap, categoryIdMap });
    const event = await account.accept([webhook]);
    await account.record(event, webhook, answered410());
    await store.deleteWebhook(id, webhook.id);
  }
}

export function explaining(opened: TestStore): void {
  describe('the webhooks of then', () => {
    it('tell the reason of each, and go on to when all of them have changed', async () => {
      const { account, event, webhooks, wanted } = await oneOfEach(opened);
      assert.deepEqual(await whyNot(account, event), wanted);
      await changeAll(account, Object.values(webhooks));
      assert.deepEqual(await whyNot(account, event), wanted);
    });

    it('are told after every single change of one of them', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const before = await account.accept([]);
      const webhook = await account.webhook();
      const first = await account.accept([webhook]);
      const eventTypeMap = { SENT: true };
      const narrowed = await store.updateWebhook(id, webhook.id, { eventTypeMap });
      const second = await account.accept([]);
      await store.updateWebhook(id, webhook.id, { eventTypeMap: null });
      const third = await account.accept([webhook]);
      await account.record(third, webhook, answered410());
      const fourth = await account.accept([]);
      await store.deleteWebhook(id, webhook.id);
      const fifth = await account.accept([]);
      assert.ok(narrowed);
      const told = [];
      for (const event of [before, first, second, third, fourth, fifth]) {
        told.push((await whyNot(account, event))[webhook.id]);
      }
      assert.deepEqual(told, [
        'created_later',
        'matched',
        'event_type_not_subscribed',
        'matched',
        'disabled',
        'deleted',
      ]);
    });

    it('are told apart where all of it fell into one millisecond, or clocks went back', async () => {
      await using alone = await opened.another();
      const account = await TestAccount.create(alone);
      const { store, id } = account;
      const now = Date.now();
      for (const step of [0, -1, 1]) {
        let time = now;
        const makeId = eventIdMaker(() => time);
        const accept = async (webhooks: Webhook[]) => {
          time += step;
          // A maker's ids never fall, so one that goes back is made afresh.
          const eventId = step < 0 ? eventIdMaker(() => time)() : makeId();
          return account.accept(webhooks, { id: eventId });
        };
        const before = await accept([]);
        const webhook = await account.webhook();
        const first = await accept([webhook]);
        await store.updateWebhook(id, webhook.id, { categoryIdMap: { 1: true } });
        await store.updateWebhook(id, webhook.id, { eventTypeMap: { SENT: true } });
        const second = await accept([]);
        await store.updateWebhook(id, webhook.id, { eventTypeMap: null });
        const third = await accept([]);
        await store.deleteWebhook(id, webhook.id);
        const fourth = await accept([]);
        await alone.sameMoment(now);
        const told = [];
        for (const event of [before, first, second, third, fourth]) {
          told.push((await whyNot(account, event))[webhook.id]);
        }
        const reasons = ['event_type_not_subscribed', 'category_filtered', 'deleted'];
        assert.deepEqual(told, ['created_later', 'matched', ...reasons], `clock goes ${step}`);
      }
    });

    it('count for an event the client that its campaign had then', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const [five, six] = [
        await account.webhook({ association: 2, targetId: 5 }),
        await account.webhook({ association: 2, targetId: 6 }),
      ];
      const declare = (clientId: number) =>
        store.declareCampaign(id, 1, { name: null, clientId, status: null });
      const none = await account.accept([], { campaignId: 1 });
      await declare(5);
      const ofFive = await account.accept([five], { campaignId: 1, clientId: 5 });
      await declare(6);
      const ofSix = await account.accept([six], { campaignId: 1, clientId: 6 });
      const told = [];
      for (const event of [none, ofFive, ofSix]) {
        const why = await whyNot(account, event);
        told.push([why[five.id], why[six.id]]);
      }
      assert.deepEqual(told, [
        ['other_client', 'other_client'],
        ['matched', 'other_client'],
        ['other_client', 'matched'],
      ]);
    });

    it('say of each whether it has a delivery, pending or ended', async () => {
      const account = await TestAccount.create(opened);
      const webhooks = [await account.webhook(), await account.webhook(), await account.webhook()];
      const [ends, waits, canceled] = webhooks;
      assert.ok(ends && waits && canceled);
      const event = await account.accept(webhooks);
      await account.accept([await account.webhook()]);
      await account.record(event, ends, delivered());
      await account.store.deleteWebhook(account.id, canceled.id);
      await account.store.cancelPending(canceled.id, 10);
      const found = await explained(account, event);
      assert.deepEqual(
        found.map(({ hasDelivery }) => hasDelivery),
        [false, true, true, true],
      );
    });

    it('have the names that they are known by', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook({ name: 'old' });
      const event = await account.accept([webhook]);
      await account.webhook({ name: 'later' });
      await account.store.updateWebhook(account.id, webhook.id, { name: 'new' });
      await account.store.deleteWebhook(account.id, webhook.id);
      const page = { limit: 10, cursor: null };
      const found = await account.store.webhooksThen(account.id, event.id, page);
      const names = found?.webhooks.items.map(({ name }) => name);
      assert.deepEqual(names, ['later', 'new']);
    });

    it('are not to be had of an event that is not there', async () => {
      const account = await TestAccount.create(opened);
      await account.webhook();
      const page = { limit: 10, cursor: null };
      const found = await account.store.webhooksThen(account.id, newEventId(), page);
      assert.equal(found, undefined);
    });
  });
}
