import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { A_POLICY, answered410, retryAt } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const PAGE = { limit: 10, cursor: null };
const LATER = Date.now() + 60_000;

export function webhookStatus(opened: TestStore): void {
  describe('pausing and resuming', () => {
    it('are changes at the account’s next version, and leave the rest as it was', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook({ name: 'n', ...A_POLICY });
      let before = webhook;
      for (const [by, status] of [
        ['pause', 'paused'],
        ['resume', 'active'],
      ] as const) {
        const moved = await store.moveWebhook(id, webhook.id, by);
        assert.ok(moved && moved.outcome === 'changed' && moved.webhook.updatedAt > 0);
        const { updatedAt } = moved.webhook;
        const version = before.version + 1;
        assert.deepEqual(moved.webhook, { ...webhook, status, version, updatedAt });
        assert.deepEqual((await store.webhook(id, webhook.id))?.webhook, moved.webhook);
        assert.deepEqual((await account.snapshot()).webhooks, [moved.webhook]);
        assert.equal((await store.webhooks(id, { status }, PAGE)).items.length, 1);
        before = moved.webhook;
      }
    });

    it('change nothing where it is so already', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook();
      const resumed = await store.moveWebhook(id, webhook.id, 'resume');
      assert.deepEqual(resumed, { outcome: 'unchanged', webhook });
      const paused = (await store.moveWebhook(id, webhook.id, 'pause'))?.webhook;
      assert.ok(paused);
      const again = await store.moveWebhook(id, webhook.id, 'pause');
      assert.deepEqual(again, { outcome: 'unchanged', webhook: paused });
      assert.equal(await account.version(), paused.version);
    });

    it('let what was accepted meanwhile wait, and then be due in order of acceptance', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook();
      const first = await account.accept([webhook]);
      await store.moveWebhook(id, webhook.id, 'pause');
      const events = [first, await account.accept([webhook]), await account.accept([webhook])];
      const waiting = await store.due(webhook.id, LATER, 10);
      assert.deepEqual(waiting, { deliveries: [], nextDueAt: null });
      assert.equal((await account.deliveries({ status: 'pending' })).length, 3);
      assert.equal(await store.cancelPending(webhook.id, 10), 0, 'it is no cancellation');
      await store.moveWebhook(id, webhook.id, 'resume');
      const { deliveries } = await store.due(webhook.id, LATER, 10);
      assert.deepEqual(
        deliveries.map(({ eventId }) => eventId),
        events.map((event) => event.id),
      );
    });

    it('do not keep an attempt that was in flight from being recorded', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      await account.store.moveWebhook(account.id, webhook.id, 'pause');
      assert.equal(await account.record(event, webhook, retryAt(LATER)), 'recorded');
      assert.equal((await account.delivery(event, webhook)).attemptCount, 1);
    });

    it('take a disabled webhook back, which cannot be paused', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook();
      const { attempt, next } = answered410();
      const gone = { attempt: { ...attempt, url: webhook.url }, next };
      await account.record(await account.accept([webhook]), webhook, gone);
      const disabled = (await store.webhook(id, webhook.id))?.webhook;
      assert.equal(disabled?.status, 'disabled');
      const refused = await store.moveWebhook(id, webhook.id, 'pause');
      assert.deepEqual(refused, { outcome: 'refused', webhook: disabled });
      const resumed = await store.moveWebhook(id, webhook.id, 'resume');
      assert.ok(resumed?.outcome === 'changed');
      const { updatedAt, version } = resumed.webhook;
      assert.deepEqual(resumed.webhook, { ...webhook, version, updatedAt });
    });

    it('know nothing of a deleted webhook, or of another account’s', async () => {
      const account = await TestAccount.create(opened);
      const other = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook();
      for (const by of ['pause', 'resume'] as const) {
        assert.equal(await store.moveWebhook(other.id, webhook.id, by), undefined);
      }
      assert.deepEqual((await store.webhook(id, webhook.id))?.webhook, webhook);
      const deleted = await store.deleteWebhook(id, webhook.id);
      for (const by of ['pause', 'resume'] as const) {
        assert.equal(await store.moveWebhook(id, webhook.id, by), undefined);
      }
      assert.deepEqual((await store.webhook(id, webhook.id))?.webhook, deleted);
    });
  });
}
