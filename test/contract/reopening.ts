import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { endingSoFar } from './ending.ts';
import { delivered, givenUp, retryAt } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const LATER = 1_900_000_000_000;

/** All that the port tells of an account. */
async function everything(account: TestAccount, hash: string): Promise<unknown> {
  const { store, id } = account;
  const deliveries = await account.deliveries();
  const webhooks = await store.webhooks(id, { status: 'active' }, { limit: 100, cursor: null });
  const deleted = await store.webhooks(id, { status: 'deleted' }, { limit: 100, cursor: null });
  return {
    accounts: await store.accounts(),
    key: await store.apiKey(hash),
    snapshot: await account.snapshot(),
    campaign: await store.campaign(id, 9),
    webhooks: [webhooks, deleted],
    events: await account.events(),
    deliveries,
    details: await Promise.all(deliveries.map((delivery) => store.delivery(id, delivery))),
    due: await Promise.all(webhooks.items.map(({ webhook }) => store.due(webhook.id, LATER, 100))),
    toCancel: await store.webhooksToCancel(),
  };
}

export function reopening(shared: TestStore): void {
  describe('a store that was closed', () => {
    it('has everything when it is opened again', async () => {
      await using opened = await shared.another();
      const account = await TestAccount.create(opened);
      const { id } = account;
      const hash = 'b'.repeat(64);
      await opened.store.addApiKey(hash, { accountId: id, clientId: 3 });
      const webhooks = [await account.webhook({ name: 'ü' }), await account.webhook()];
      const [first, second] = webhooks;
      assert.ok(first && second);
      await opened.store.declareCampaign(id, 9, { name: 'Nine', clientId: 4, status: 'on' });
      for (const endings of [[], [retryAt(LATER + 1)], [retryAt(1), delivered(2)], [givenUp()]]) {
        const event = await account.accept(webhooks, { campaignId: 9, categoryId: 2 });
        for (const ending of endings) await account.record(event, first, ending);
      }
      await opened.store.deleteWebhook(id, second.id);
      await opened.store.cancelPending(second.id, 3);
      const before = await everything(account, hash);
      await opened.reopen();
      assert.deepEqual(await everything(account, hash), before);
    });

    it('goes on where it was: versions, ids of webhooks and accounts, event ids', async () => {
      await using opened = await shared.another();
      const account = await TestAccount.create(opened);
      const [kept, deleted] = [await account.webhook(), await account.webhook()];
      await account.accept([kept], { callerEventId: 'a' });
      await account.store.deleteWebhook(account.id, deleted.id);
      const version = await account.version();
      await opened.reopen();
      const next = await account.webhook();
      assert.ok(next.id !== kept.id && next.id !== deleted.id, 'no id is given twice');
      assert.equal(next.version, version + 1);
      assert.notEqual((await TestAccount.create(opened)).id, account.id);
      const again = await account.entry([], { callerEventId: 'a' });
      const { accepts } = await account.commit({ accepts: [again] });
      assert.equal(accepts[0]?.kind, 'duplicate');
    });

    it('has finished what was under way', async () => {
      await using opened = await shared.another();
      const account = await TestAccount.create(opened);
      const version = await account.version();
      const entries = Array.from({ length: 20 }, () => account.entryAt(version, []));
      const commits = entries.map((entry) => account.commit({ accepts: [entry] }));
      const reading = account.store.accounts();
      await opened.close();
      for (const { accepts } of await Promise.all(commits)) {
        assert.deepEqual(accepts, [{ kind: 'accepted' }]);
      }
      assert.equal((await reading).length, 1);
      await opened.reopen();
      assert.equal((await account.events()).length, 20);
    });

    it('refuses every call, rather than to let its caller wait for ever', async () => {
      await using opened = await shared.another();
      const { store } = opened;
      await opened.close();
      const calls = [
        store.accounts(),
        store.probe(),
        store.createAccount('x'),
        store.commit({ records: [], accepts: [] }),
      ];
      // Unhandled they would end the process before they are looked at.
      for (const call of calls) call.catch(() => undefined);
      // Long enough to open and close a store: whatever has not ended by then never will.
      await opened.reopen();
      const endings = await Promise.all(calls.map((call) => endingSoFar(call)));
      assert.deepEqual(endings, Array(4).fill('rejected'));
    });

    it('is not broken by that', async () => {
      await using opened = await shared.another();
      const { store } = opened;
      await opened.close();
      await store[Symbol.asyncDispose]();
      assert.equal(await endingSoFar(store.broken), 'none');
    });
  });
}
