import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CAMPAIGN_LEVEL, CLIENT_LEVEL, type WebhookDefinition } from '../../src/domain/webhook.ts';
import { NO_POLICY } from '../../src/domain/webhook-policy.ts';
import { A_POLICY, aWebhook } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const CHANGES: Partial<WebhookDefinition>[] = [
  { name: 'Über 🎺' },
  { name: null },
  { url: 'http://127.0.0.1:9/x?y=1#z' },
  { eventTypeMap: { SENT: true, OPENED: false } },
  { eventTypeMap: null },
  { categoryIdMap: { 5: true, 6: false } },
  { categoryIdMap: {} },
  { categoryIdMap: null },
  { webhookType: 'crm' },
  { webhookType: null, name: 'two at once' },
  { ...A_POLICY },
  { retrySchedule: [], timeoutMs: 1_000, headers: { 'x-é': '"\\' } },
  { concurrency: 64, rateLimit: 1_000, ordering: 'none' },
  { name: 'the policy stays' },
  { ...NO_POLICY },
  {},
];

export function catalog(opened: TestStore): void {
  describe('webhooks', () => {
    it('are made as given, active, at the account’s next version', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const before = await account.snapshot();
      assert.partialDeepStrictEqual(before, { accountId: id, webhooks: [] });
      const given = aWebhook(id, {
        association: CLIENT_LEVEL,
        targetId: 2 ** 53 - 1,
        name: 'CRM',
        url: 'HTTPS://Example.com:443/a/../hook#part',
        eventTypeMap: { SENT: true, OPENED: false },
        categoryIdMap: { 5: true, 6: false },
        webhookType: 'crm',
        ...A_POLICY,
      });
      const result = await store.createWebhook(given, false);
      assert.ok(result.kind === 'created');
      const { webhook } = result;
      assert.ok(webhook.id > 0 && webhook.createdAt > 0);
      assert.deepEqual(webhook, {
        ...given,
        id: webhook.id,
        previousSecret: null,
        status: 'active',
        disabledReason: null,
        version: before.version + 1,
        createdAt: webhook.createdAt,
        updatedAt: webhook.createdAt,
      });
      const after = await account.snapshot();
      assert.deepEqual(after, { ...before, version: webhook.version, webhooks: [webhook] });
      assert.deepEqual((await store.webhook(id, webhook.id))?.webhook, webhook);
    });

    it('register the campaign that they are about', async () => {
      const account = await TestAccount.create(opened);
      const scope = { association: CAMPAIGN_LEVEL, targetId: 88 } as const;
      await account.webhook(scope);
      assert.partialDeepStrictEqual(await account.store.campaign(account.id, 88), {
        id: 88,
        name: null,
        clientId: null,
        status: null,
      });
    });

    it('change field by field, each change at the account’s next version', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      let webhook = await account.webhook({ categoryIdMap: { 1: true }, name: 'first' });
      const other = await account.webhook();
      for (const changes of CHANGES) {
        const version = (await account.version()) + 1;
        const changed = await store.updateWebhook(id, webhook.id, changes);
        assert.ok(changed && changed.updatedAt >= webhook.updatedAt);
        assert.deepEqual(changed, {
          ...webhook,
          ...changes,
          version,
          updatedAt: changed.updatedAt,
        });
        assert.deepEqual((await store.webhook(id, webhook.id))?.webhook, changed);
        assert.deepEqual((await account.snapshot()).webhooks, [changed, other]);
        assert.equal(await account.version(), version);
        webhook = changed;
      }
    });

    it('leave a delivery the version that it was matched at', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const before = await account.accept([webhook]);
      const changed = await account.store.updateWebhook(account.id, webhook.id, { name: 'new' });
      assert.ok(changed);
      const after = await account.accept([changed]);
      for (const [event, { version }] of [
        [before, webhook],
        [after, changed],
      ] as const) {
        assert.equal((await account.delivery(event, webhook)).webhookVersion, version);
        const { deliveries } = await account.store.due(webhook.id, Number.MAX_SAFE_INTEGER, 10);
        const due = deliveries.find(({ eventId }) => eventId === event.id);
        assert.equal(due?.webhookVersion, version);
      }
    });

    it('are deleted once, at the account’s next version, and match nothing more', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const [webhook, other] = [await account.webhook(), await account.webhook()];
      const version = (await account.version()) + 1;
      const deleted = await store.deleteWebhook(id, webhook.id);
      assert.ok(deleted && deleted.updatedAt >= webhook.updatedAt);
      const { updatedAt } = deleted;
      assert.deepEqual(deleted, { ...webhook, status: 'deleted', version, updatedAt });
      const snapshot = await account.snapshot();
      assert.deepEqual([snapshot.version, snapshot.webhooks], [version, [other]]);
      assert.deepEqual((await store.webhook(id, webhook.id))?.webhook, deleted, 'still shown');
      assert.equal(await store.deleteWebhook(id, webhook.id), undefined);
      assert.equal(await store.updateWebhook(id, webhook.id, { name: 'back' }), undefined);
      assert.equal(await account.version(), version);
      assert.deepEqual((await store.webhook(id, webhook.id))?.webhook, deleted);
    });

    it('cannot be changed where there are none', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const before = await account.snapshot();
      const unknown = (await account.webhook()).id + 1_000_000;
      assert.equal(await store.updateWebhook(id, unknown, { name: 'x' }), undefined);
      assert.equal(await store.deleteWebhook(id, unknown), undefined);
      assert.equal(await store.webhook(id, unknown), undefined);
      assert.equal(await account.version(), before.version + 1, 'the one that was made');
    });

    it('get versions of their own where many are made and changed at once', async () => {
      const account = await TestAccount.create(opened);
      const first = await account.webhook();
      const changes = Array.from({ length: 8 }, (_, i) => [
        account.store.createWebhook(aWebhook(account.id), true).then(({ webhook }) => webhook),
        account.store.updateWebhook(account.id, first.id, { name: `${i}` }),
      ]).flat();
      const versions = (await Promise.all(changes)).map((webhook) => webhook?.version ?? 0);
      assert.deepEqual(
        versions.toSorted((a, b) => a - b),
        Array.from({ length: 16 }, (_, i) => first.version + 1 + i),
      );
      const { version, webhooks } = await account.snapshot();
      assert.equal(version, first.version + 16);
      assert.equal(new Set(webhooks.map(({ id }) => id)).size, 9);
    });
  });

  describe('an account that there is not', () => {
    it('has no state, and nothing can be registered in it', async () => {
      const { store } = opened;
      const unknown = 2 ** 40;
      const fields = { name: 'x', clientId: null, status: null };
      const scope = { association: CAMPAIGN_LEVEL, targetId: 1 } as const;
      await assert.rejects(store.account(unknown));
      await assert.rejects(store.createWebhook(aWebhook(unknown, scope), true));
      await assert.rejects(store.createWebhook(aWebhook(unknown, scope), false));
      await assert.rejects(store.declareCampaign(unknown, 1, fields));
      assert.equal(await store.campaign(unknown, 1), undefined);
      assert.deepEqual((await store.webhooks(unknown, {}, { limit: 1, cursor: null })).items, []);
    });
  });
}
