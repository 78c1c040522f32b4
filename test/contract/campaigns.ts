import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const NONE = { name: null, clientId: null, status: null };

export function campaigns(opened: TestStore): void {
  describe('declaring a campaign', () => {
    it('registers it at its first mention', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const version = await account.version();
      assert.equal(await store.campaign(id, 9), undefined);
      const declared = await store.declareCampaign(id, 9, { ...NONE, name: 'Nine' });
      assert.partialDeepStrictEqual(declared.campaign, { ...NONE, id: 9, name: 'Nine' });
      assert.ok(declared.campaign.createdAt > 0);
      assert.equal(declared.version, version, 'a name is nothing that matching looks at');
      assert.deepEqual(await store.campaign(id, 9), declared.campaign);
    });

    it('changes what is given and leaves what is null', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const expected = { ...NONE, id: 9 };
      for (const fields of [
        { ...NONE, name: 'Nine' },
        { ...NONE, status: 'running' },
        { ...NONE, clientId: 5 },
        NONE,
        { name: 'Neun 🎺', clientId: 6, status: '' },
      ]) {
        const given = Object.entries(fields).filter(([, value]) => value !== null);
        Object.assign(expected, Object.fromEntries(given));
        const before = await store.campaign(id, 9);
        const { campaign } = await store.declareCampaign(id, 9, fields);
        assert.partialDeepStrictEqual(campaign, expected);
        assert.deepEqual(await store.campaign(id, 9), campaign);
        assert.equal(campaign.createdAt, before?.createdAt ?? campaign.createdAt);
        assert.ok(campaign.updatedAt >= (before?.updatedAt ?? campaign.createdAt));
      }
    });

    it('raises the account’s version only where the client changes', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      let version = await account.version();
      for (const [clientId, change] of [
        [null, 0],
        [5, 1],
        [5, 0],
        [null, 0],
        [6, 1],
        [5, 1],
      ] as const) {
        version += change;
        const declared = await store.declareCampaign(id, 9, { ...NONE, name: 'x', clientId });
        assert.equal(declared.version, version);
        assert.equal(await account.version(), version);
      }
    });

    it('is seen by matching where it has a client', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const clients = async (): Promise<unknown> => (await account.snapshot()).campaignClients;
      assert.deepEqual(await clients(), new Map());
      await store.declareCampaign(id, 9, { ...NONE, name: 'Nine' });
      assert.deepEqual(await clients(), new Map());
      await store.declareCampaign(id, 9, { ...NONE, clientId: 5 });
      await store.declareCampaign(id, 10, { ...NONE, clientId: 2 ** 53 - 1 });
      await store.declareCampaign(id, 9, { ...NONE, clientId: 7 });
      assert.deepEqual(
        await clients(),
        new Map([
          [9, 7],
          [10, 2 ** 53 - 1],
        ]),
      );
    });

    it('adds to a campaign that an event or a webhook has mentioned', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      await account.accept([], { campaignId: 1, clientId: 8 });
      await account.webhook({ association: 3, targetId: 2 });
      for (const campaignId of [1, 2]) {
        const before = await store.campaign(id, campaignId);
        const { campaign } = await store.declareCampaign(id, campaignId, { ...NONE, name: 'x' });
        assert.deepEqual(campaign, { ...before, name: 'x', updatedAt: campaign.updatedAt });
      }
    });
  });
}
