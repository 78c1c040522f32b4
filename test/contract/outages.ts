import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StoreUnavailable } from '../../src/store/store.ts';
import { endingSoFar } from './ending.ts';
import { answered410, aWebhook } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

export function outages(opened: TestStore): void {
  describe('while the store cannot write', () => {
    it('every change is refused for now, has changed nothing, and works afterwards', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const [webhook, deleted] = [await account.webhook(), await account.webhook()];
      const event = await account.accept([webhook, deleted]);
      await store.deleteWebhook(id, deleted.id);
      const batch = {
        records: [account.recordOf(event, webhook, answered410())],
        accepts: [await account.entry([webhook], { callerEventId: 'a' })],
      };
      const fields = { name: 'x', clientId: 5, status: null };
      const key = { accountId: id, clientId: null };
      const hash = 'a'.repeat(64);
      const changes: Record<string, () => Promise<unknown>> = {
        probe: () => store.probe(),
        commit: () => store.commit(batch),
        createWebhook: () => store.createWebhook(aWebhook(id), true),
        updateWebhook: () => store.updateWebhook(id, webhook.id, { name: 'x' }),
        deleteWebhook: () => store.deleteWebhook(id, webhook.id),
        cancelPending: () => store.cancelPending(deleted.id, 10),
        declareCampaign: () => store.declareCampaign(id, 5, fields),
        createAccount: () => store.createAccount('x'),
        addApiKey: () => store.addApiKey(hash, key),
        expire: () => store.expire(Date.now() + 1_000, 10),
        claimShards: () => store.claimShards([0, 1]),
      };
      const everything = async (): Promise<unknown> => [
        await account.snapshot(),
        await account.events(),
        await account.deliveries(),
        await store.webhooks(id, {}, { limit: 10, cursor: null }),
        await store.campaign(id, 5),
        await store.accounts(),
        await store.apiKey(hash),
      ];
      const before = await everything();
      {
        await using _outage = await opened.outage();
        for (const [verb, change] of Object.entries(changes)) {
          await assert.rejects(change(), StoreUnavailable, verb);
        }
      }
      await store.probe();
      assert.deepEqual(await everything(), before);
      // The same ids, the same lease: nothing of it was used up.
      const { accepts } = await account.commit({ accepts: batch.accepts });
      assert.deepEqual(accepts, [{ kind: 'accepted' }]);
      const { records } = await account.commit({ records: batch.records });
      assert.deepEqual(records, ['recorded']);
    });

    it('it comes back by itself, as often as it goes', async () => {
      const account = await TestAccount.create(opened);
      for (let i = 1; i <= 3; i += 1) {
        const entry = await account.entry([], { campaignId: i });
        {
          await using _outage = await opened.outage();
          await assert.rejects(account.commit({ accepts: [entry] }), StoreUnavailable);
        }
        const { accepts } = await account.commit({ accepts: [entry] });
        assert.deepEqual(accepts, [{ kind: 'accepted' }]);
        assert.equal((await account.store.campaign(account.id, i))?.id, i);
      }
      assert.equal(await endingSoFar(account.store.broken), 'none', 'an outage is not the end');
    });
  });
}
