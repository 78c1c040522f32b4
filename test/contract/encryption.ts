import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { newSecret } from '../../src/domain/signature.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { StoreNotUsable, type Store } from '../../src/store/store.ts';
import { answered410, aWebhook } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const key = (): Uint8Array => new Uint8Array(randomBytes(32));
const HOUR = 3_600_000;
const HEADERS = { Authorization: 'Bearer t0ken-of-theirs', 'X-Team': 'team-of-theirs' };

/** An account with webhooks in every state that has secrets. */
async function fill(opened: TestStore): Promise<{ account: TestAccount; webhooks: Webhook[] }> {
  const account = await TestAccount.create(opened);
  const { store, id } = account;
  const rotated = await account.webhook({ headers: HEADERS });
  await store.rotateSecret(id, rotated.id, newSecret(), HOUR);
  await account.webhook();
  const deleted = await account.webhook({ headers: HEADERS });
  await store.deleteWebhook(id, deleted.id);
  return { account, webhooks: await shown(account) };
}

async function shown({ store, id }: TestAccount): Promise<Webhook[]> {
  const { items } = await store.webhooks(id, {}, { limit: 100, cursor: null });
  const deleted = await store.webhooks(id, { status: 'deleted' }, { limit: 100, cursor: null });
  return [...items, ...deleted.items].map(({ webhook }) => webhook);
}

/** Whether any secret of theirs can be read in the database. */
function isReadable(stored: string, webhooks: readonly Webhook[]): boolean {
  const secrets = webhooks.flatMap(({ secret, previousSecret, headers }) => [
    secret,
    ...(previousSecret ? [previousSecret.secret] : []),
    ...Object.values(headers ?? {}),
  ]);
  assert.ok(secrets.length >= 6);
  return secrets.some((secret) => stored.includes(JSON.stringify(secret).slice(1, -1)));
}

async function resealAll(store: Store): Promise<number> {
  let total = 0;
  for (let after = 0; ;) {
    const { changed, last } = await store.reseal(after, 2);
    total += changed;
    if (last === null) return total;
    after = last;
  }
}

async function notUsable(opening: Promise<void>, saying: RegExp): Promise<void> {
  await assert.rejects(opening, (error: Error) => {
    assert.ok(error instanceof StoreNotUsable, String(error));
    assert.match(error.message, saying);
    return true;
  });
}

export function encryption(shared: TestStore): void {
  describe('signing secrets and values of headers', () => {
    it('are stored as they are without a key', async () => {
      await using opened = await shared.another();
      const { webhooks } = await fill(opened);
      assert.ok(isReadable(await opened.stored(), webhooks));
      assert.equal(await resealAll(opened.store), 0);
    });

    it('cannot be read in the database with one, and are what they were to whoever has it', async () => {
      await using opened = await shared.another();
      const keys = [key()];
      await opened.reopen(keys);
      const { account, webhooks } = await fill(opened);
      assert.ok(!isReadable(await opened.stored(), webhooks));
      assert.ok((await opened.stored()).includes('X-Team'), 'names are no secrets');
      assert.equal(await resealAll(opened.store), 0);
      await opened.reopen(keys);
      assert.deepEqual(await shown(account), webhooks);
      const active = webhooks.filter(({ status }) => status === 'active');
      assert.deepEqual(
        (await account.snapshot()).webhooks,
        active.toSorted((a, b) => a.id - b.id),
      );
      const same = {
        headers: { 'x-team': HEADERS['X-Team'], authorization: HEADERS.Authorization },
      };
      const given = aWebhook(account.id, same);
      assert.equal((await opened.store.createWebhook(given, false)).kind, 'existing');
    });

    it('come out of a commit that disables as they are', async () => {
      await using opened = await shared.another();
      await opened.reopen([key()]);
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook({ headers: HEADERS });
      const event = await account.accept([webhook]);
      const { attempt, next } = answered410();
      const gone = { attempt: { ...attempt, url: webhook.url }, next };
      const { disabled } = await account.commit({
        records: [account.recordOf(event, webhook, gone)],
      });
      assert.partialDeepStrictEqual(disabled, [{ secret: webhook.secret, headers: HEADERS }]);
      assert.ok(!(await opened.stored()).includes(webhook.secret));
    });

    it('are encrypted when a webhook is changed, or all at once, where a key comes later', async () => {
      await using opened = await shared.another();
      const { account, webhooks } = await fill(opened);
      const keys = [key()];
      await opened.reopen(keys);
      assert.deepEqual(await shown(account), webhooks);
      const [first] = webhooks;
      assert.ok(first);
      await opened.store.updateWebhook(account.id, first.id, { name: 'changed' });
      assert.ok(!(await opened.stored()).includes(first.secret));
      assert.ok(isReadable(await opened.stored(), webhooks));
      const before = await shown(account);
      assert.equal(await resealAll(opened.store), webhooks.length - 1);
      assert.equal(await resealAll(opened.store), 0);
      assert.ok(!isReadable(await opened.stored(), webhooks));
      assert.deepEqual(await shown(account), before, 'nothing about them has changed');
    });

    it('change over to another key, while both are there', async () => {
      await using opened = await shared.another();
      const [old, next] = [key(), key()];
      await opened.reopen([old]);
      const { account, webhooks } = await fill(opened);
      await opened.reopen([next, old]);
      assert.deepEqual(await shown(account), webhooks);
      await notUsable(
        opened.reopen([next]),
        /key [0-9a-f]{8}, which is not in POSTHORN_ENCRYPTION/,
      );
      await opened.reopen([next, old]);
      assert.equal(await resealAll(opened.store), webhooks.length);
      await opened.reopen([next]);
      assert.deepEqual(await shown(account), webhooks);
      await notUsable(opened.reopen([old]), /which is not in POSTHORN_ENCRYPTION_KEY/);
    });

    it('keep a store from being opened with a wrong key or none, and nothing is changed', async () => {
      await using opened = await shared.another();
      const keys = [key()];
      await opened.reopen(keys);
      const { account, webhooks } = await fill(opened);
      const before = await opened.stored();
      await notUsable(opened.reopen([key()]), /which is not in POSTHORN_ENCRYPTION_KEY/);
      await notUsable(opened.reopen(), /POSTHORN_ENCRYPTION_KEY has to have it/);
      assert.equal(await opened.stored(), before);
      await opened.reopen(keys);
      assert.deepEqual(await shown(account), webhooks);
    });
  });
}
