import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { TestStore } from './test-store.ts';

function sha256(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

export function accounts(opened: TestStore): void {
  describe('accounts', () => {
    it('are none in a new store, then all that were made, by id', async () => {
      await using own = await opened.another();
      const { store } = own;
      assert.deepEqual(await store.accounts(), []);
      const made: { id: number; name: string }[] = [];
      for (const name of ['Zoë 🎺', 'A', 'A', "O'Neill"]) {
        made.push({ id: await store.createAccount(name), name });
        assert.deepEqual(await store.accounts(), made);
      }
      const ids = made.map(({ id }) => id);
      assert.deepEqual(
        ids,
        ids.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(ids).size, 4);
    });

    it('get ids of their own where many are made at once', async () => {
      const names = Array.from({ length: 8 }, (_, i) => `at once ${i}`);
      const ids = await Promise.all(names.map((name) => opened.store.createAccount(name)));
      const found = (await opened.store.accounts()).filter(({ name }) => names.includes(name));
      assert.deepEqual(
        new Map(found.map(({ id, name }) => [name, id])),
        new Map(names.map((name, i) => [name, ids[i] ?? 0])),
      );
    });
  });

  describe('API keys', () => {
    it('open the account or the client that they were added for', async () => {
      const { store } = opened;
      const accountId = await store.createAccount('one');
      const keys = [
        { accountId, clientId: null },
        { accountId, clientId: 2 ** 53 - 1 },
        { accountId: await store.createAccount('two'), clientId: null },
      ];
      for (const [i, key] of keys.entries()) {
        assert.equal(await store.apiKey(sha256(`key ${i}`)), undefined);
        await store.addApiKey(sha256(`key ${i}`), key);
      }
      for (const [i, key] of keys.entries()) {
        assert.deepEqual(await store.apiKey(sha256(`key ${i}`)), key);
      }
      assert.equal(await store.apiKey(sha256('key')), undefined);
      assert.equal(await store.apiKey(sha256('key 0').slice(0, -1)), undefined);
      assert.equal(await store.apiKey(''), undefined);
    });

    it('stay as they are where they are added again', async () => {
      const { store } = opened;
      const hash = sha256('twice');
      const first = { accountId: await store.createAccount('one'), clientId: 7 };
      await store.addApiKey(hash, first);
      for (const again of [
        { accountId: await store.createAccount('two'), clientId: null },
        { ...first, clientId: 8 },
        first,
      ]) {
        await store.addApiKey(hash, again);
        assert.deepEqual(await store.apiKey(hash), first);
      }
    });
  });
}
