import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InvalidCursor, type PageRequest } from '../../src/store/store.ts';
import { aWebhook, delivered, retryAt } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const SCOPE = { association: 3, targetId: 5, name: 'theirs' } as const;

/** An account with one of everything, and one with nothing that looks for it. */
async function ownerAndStranger(opened: TestStore) {
  const [owner, stranger] = [await TestAccount.create(opened), await TestAccount.create(opened)];
  await owner.store.declareCampaign(owner.id, 5, { name: 'theirs', clientId: 6, status: 'on' });
  const webhook = await owner.webhook(SCOPE);
  const more = { campaignId: 5, clientId: 6, callerEventId: 'theirs', leadEmail: 'a@b.c' };
  const event = await owner.accept([webhook], more);
  await owner.accept([webhook]);
  await owner.record(event, webhook, retryAt(1_900_000_000_000));
  return { owner, stranger, webhook, event };
}

function nothingIfRefused(error: unknown): readonly unknown[] {
  assert.ok(error instanceof InvalidCursor);
  return [];
}

export function tenancy(opened: TestStore): void {
  describe('another account', () => {
    it('sees nothing', async () => {
      const { stranger, webhook, event } = await ownerAndStranger(opened);
      const { store, id } = stranger;
      const key = { eventId: event.id, webhookId: webhook.id };
      const page = { limit: 10, cursor: null };
      assert.equal(await store.webhook(id, webhook.id), undefined);
      assert.equal(await store.campaign(id, 5), undefined);
      assert.equal(await store.event(id, event.id), undefined);
      assert.equal(await store.delivery(id, key), undefined);
      assert.equal(await store.webhooksThen(id, event.id, page), undefined);
      for (const filter of [
        {},
        { targetId: 5 },
        { association: 3 },
        { status: 'active' },
      ] as const) {
        assert.deepEqual((await store.webhooks(id, filter, page)).items, []);
      }
      for (const filter of [
        {},
        { campaignId: 5 },
        { clientId: 6 },
        { type: 'REPLIED' },
        { leadEmail: 'a@b.c' },
      ] as const) {
        assert.deepEqual((await store.events(id, filter, page)).items, []);
      }
      for (const filter of [
        {},
        { eventId: event.id },
        { webhookId: webhook.id },
        { status: 'pending' },
        key,
      ] as const) {
        assert.deepEqual((await store.deliveries(id, filter, page)).items, []);
      }
      const { webhooks, campaignClients } = await stranger.snapshot();
      assert.deepEqual([webhooks, campaignClients], [[], new Map()]);
    });

    it('gets nothing by a cursor that is not its own', async () => {
      const { owner, stranger, webhook } = await ownerAndStranger(opened);
      await owner.webhook();
      const lists = [
        (id: number, page: PageRequest) => owner.store.events(id, {}, page),
        (id: number, page: PageRequest) => owner.store.deliveries(id, {}, page),
        (id: number, page: PageRequest) =>
          owner.store.deliveries(id, { webhookId: webhook.id }, page),
        (id: number, page: PageRequest) => owner.store.webhooks(id, {}, page),
      ];
      for (const list of lists) {
        const { nextCursor } = await list(owner.id, { limit: 1, cursor: null });
        assert.ok(nextCursor);
        const items = await list(stranger.id, { limit: 10, cursor: nextCursor }).then(
          (page) => page.items,
          nothingIfRefused,
        );
        assert.deepEqual(items, []);
      }
    });

    it('changes nothing', async () => {
      const { owner, stranger, webhook } = await ownerAndStranger(opened);
      const { store, id } = stranger;
      const before = [await owner.snapshot(), await owner.store.campaign(owner.id, 5)];
      const version = await stranger.version();
      assert.equal(await store.updateWebhook(id, webhook.id, { name: 'mine' }), undefined);
      assert.equal(await store.deleteWebhook(id, webhook.id), undefined);
      assert.equal(await stranger.version(), version);
      const made = await store.createWebhook(aWebhook(id, SCOPE), false);
      assert.partialDeepStrictEqual(made, { kind: 'created', targetHasEvents: false });
      const fields = { name: 'mine', clientId: 7, status: 'off' };
      assert.partialDeepStrictEqual((await store.declareCampaign(id, 5, fields)).campaign, fields);
      const after = [await owner.snapshot(), await owner.store.campaign(owner.id, 5)];
      assert.deepEqual(after, before);
    });

    it('records nothing', async () => {
      const { owner, stranger, webhook, event } = await ownerAndStranger(opened);
      const before = [await owner.deliveries(), await owner.health(webhook)];
      const record = stranger.recordOf(event, webhook, delivered(2));
      assert.deepEqual((await stranger.commit({ records: [record] })).records, ['gone']);
      assert.deepEqual([await owner.deliveries(), await owner.health(webhook)], before);
      assert.deepEqual(await stranger.deliveries(), []);
    });
  });
}
