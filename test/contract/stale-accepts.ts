import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { anEvent, aWebhook } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

export function staleAccepts(opened: TestStore): void {
  describe('an event that was matched at another version of its account', () => {
    it('is stale, stored with nothing that hangs on it, and its neighbours are stored', async () => {
      const account = await TestAccount.create(opened);
      const other = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const entry = await account.entry([webhook], { callerEventId: 'a', campaignId: 404 });
      const before = await account.entry([webhook]);
      const after = await other.entry([]);
      for (const accountVersion of [entry.accountVersion - 1, entry.accountVersion + 1]) {
        const { accepts } = await account.commit({ accepts: [{ ...entry, accountVersion }] });
        assert.deepEqual(accepts, [{ kind: 'stale' }], `${accountVersion}`);
      }
      const stale = { ...entry, accountVersion: entry.accountVersion - 1 };
      const { accepts } = await account.commit({ accepts: [before, stale, after] });
      assert.deepEqual(accepts, [{ kind: 'accepted' }, { kind: 'stale' }, { kind: 'accepted' }]);
      assert.deepEqual(await account.events(), [before.event]);
      assert.deepEqual(await other.events(), [after.event]);
      assert.equal((await account.deliveries()).length, 1);
      assert.equal(await account.store.campaign(account.id, 404), undefined);
    });

    it('may be matched again: its ids are not used up', async () => {
      const account = await TestAccount.create(opened);
      const entry = await account.entry([], { callerEventId: 'a' });
      const webhook = await account.webhook();
      assert.deepEqual((await account.commit({ accepts: [entry] })).accepts, [{ kind: 'stale' }]);
      const { accountVersion, deliveries } = await account.entry([webhook]);
      const again = { event: entry.event, accountVersion, deliveries };
      assert.deepEqual((await account.commit({ accepts: [again] })).accepts, [
        { kind: 'accepted' },
      ]);
      assert.equal((await account.deliveries()).length, 1);
    });

    it('is what every change of what matching looks at makes of it', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook();
      const changes: [string, () => Promise<unknown>][] = [
        ['create', () => store.createWebhook(aWebhook(id), true)],
        ['update', () => store.updateWebhook(id, webhook.id, { name: 'new' })],
        ['a client', () => store.declareCampaign(id, 1, { name: null, clientId: 5, status: null })],
        ['delete', () => store.deleteWebhook(id, webhook.id)],
      ];
      for (const [what, change] of changes) {
        const entry = await account.entry([]);
        await change();
        const { accepts } = await account.commit({ accepts: [entry] });
        assert.deepEqual(accepts, [{ kind: 'stale' }], what);
      }
    });

    it('is not made stale by a change in another account', async () => {
      const account = await TestAccount.create(opened);
      const entry = await account.entry([]);
      await (await TestAccount.create(opened)).webhook();
      const { accepts } = await account.commit({ accepts: [entry] });
      assert.deepEqual(accepts, [{ kind: 'accepted' }]);
    });

    it('is stale where there is no such account at all', async () => {
      const accountId = 2 ** 40;
      const event = anEvent(accountId);
      for (const accountVersion of [0, 1]) {
        const entry = { event, accountVersion, deliveries: [] };
        const { accepts } = await opened.store.commit({ records: [], accepts: [entry] });
        assert.deepEqual(accepts, [{ kind: 'stale' }]);
      }
      assert.equal(await opened.store.event(accountId, event.id), undefined);
    });
  });
}
