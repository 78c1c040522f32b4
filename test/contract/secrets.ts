import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newSecret } from '../../src/domain/signature.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const HOUR = 3_600_000;

export function secrets(opened: TestStore): void {
  describe('another secret', () => {
    it('takes the place of the present one, which stays beside it for the overlap', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook();
      const secret = newSecret();
      const from = Date.now();
      const rotated = await store.rotateSecret(id, webhook.id, secret, HOUR);
      assert.ok(rotated?.outcome === 'changed');
      const { previousSecret, updatedAt } = rotated.webhook;
      const validUntil = previousSecret?.validUntil ?? 0;
      assert.ok(validUntil >= from + HOUR && validUntil <= Date.now() + HOUR);
      assert.deepEqual(rotated.webhook, {
        ...webhook,
        secret,
        previousSecret: { secret: webhook.secret, validUntil },
        version: webhook.version + 1,
        updatedAt,
      });
      assert.deepEqual((await store.webhook(id, webhook.id))?.webhook, rotated.webhook);
      assert.deepEqual((await account.snapshot()).webhooks, [rotated.webhook]);
      const renamed = await store.updateWebhook(id, webhook.id, { name: 'renamed' });
      assert.deepEqual(renamed?.previousSecret, previousSecret, 'a change leaves it');
    });

    it('is refused while the one before still signs, and only so long', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook();
      const [second, third] = [newSecret(), newSecret()];
      const first = await store.rotateSecret(id, webhook.id, second, HOUR);
      const refused = await store.rotateSecret(id, webhook.id, third, HOUR);
      assert.deepEqual(refused, { outcome: 'refused', webhook: first?.webhook });
      assert.deepEqual((await store.webhook(id, webhook.id))?.webhook, first?.webhook);
      const other = await account.webhook();
      const short = await store.rotateSecret(id, other.id, second, 1);
      const until = short?.webhook.previousSecret?.validUntil ?? Number.POSITIVE_INFINITY;
      await waitFor('it is over', () => Date.now() >= until);
      const again = await store.rotateSecret(id, other.id, third, HOUR);
      assert.partialDeepStrictEqual(again, {
        outcome: 'changed',
        webhook: { secret: third, previousSecret: { secret: second } },
      });
    });

    it('leaves nothing behind where there is to be no overlap', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook();
      for (const secret of [newSecret(), newSecret()]) {
        const rotated = await store.rotateSecret(id, webhook.id, secret, 0);
        assert.ok(rotated?.outcome === 'changed');
        assert.partialDeepStrictEqual(rotated.webhook, { secret, previousSecret: null });
      }
    });

    it('is made once where many ask for one at the same time', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const results = await Promise.all(
        Array.from({ length: 8 }, () =>
          account.store.rotateSecret(account.id, webhook.id, newSecret(), HOUR),
        ),
      );
      const outcomes = results.map((result) => String(result?.outcome)).toSorted();
      assert.deepEqual(outcomes, ['changed', ...Array(7).fill('refused')]);
    });

    it('is not for a deleted webhook, or another account’s', async () => {
      const account = await TestAccount.create(opened);
      const other = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook();
      assert.equal(await store.rotateSecret(other.id, webhook.id, newSecret(), HOUR), undefined);
      assert.deepEqual((await store.webhook(id, webhook.id))?.webhook, webhook);
      await store.deleteWebhook(id, webhook.id);
      assert.equal(await store.rotateSecret(id, webhook.id, newSecret(), HOUR), undefined);
    });
  });
}
