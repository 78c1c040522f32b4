import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { aWebhook } from '../contract/examples.ts';

let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'posthorn-sqlite-'));
});
after(() => rm(directory, { recursive: true, force: true }));

const open = (keys?: readonly Uint8Array[]): Promise<SqliteStore> =>
  SqliteStore.open(join(directory, 'posthorn.db'), 'a node', undefined, keys);

/** So many that rows move from page to page; every tenth has a header of pages of its own. */
async function fill(webhooks: number): Promise<string[]> {
  await using store = await open();
  const id = await store.createAccount('one');
  const secrets: string[] = [];
  for (let i = 0; i < webhooks; i += 1) {
    const value = `value-of-theirs-${i}-`.padEnd(i % 10 === 0 ? 2_000 : 60, '.');
    const headers = Object.fromEntries(
      Array.from({ length: i % 10 === 0 ? 5 : 1 }, (_, n) => [`X-${n}`, `${n}-${value}`]),
    );
    const url = `https://example.com/${i}`;
    const made = await store.createWebhook(aWebhook(id, { url, headers }), false);
    secrets.push(made.webhook.secret, `value-of-theirs-${i}-`);
    // What it was before is no secret of now, but was one.
    await store.updateWebhook(id, made.webhook.id, { headers: { 'X-0': `next-${value}` } });
  }
  return secrets;
}

/** Those that can be read in any file of the database. */
async function readable(secrets: readonly string[]): Promise<string[]> {
  const names = await readdir(directory);
  const files = await Promise.all(names.map((name) => readFile(join(directory, name))));
  return secrets.filter((secret) => files.some((bytes) => bytes.includes(secret)));
}

async function resealAll(store: SqliteStore): Promise<void> {
  for (let after: number | null = 0; after !== null;) {
    after = (await store.reseal(after, 500)).last;
  }
}

describe('the file of a database whose secrets have been encrypted', () => {
  it('has none of them in plain any more, in free space neither', async () => {
    const secrets = await fill(300);
    assert.equal((await readable(secrets)).length, secrets.length);
    const keys = [new Uint8Array(randomBytes(32))];
    {
      await using store = await open(keys);
      await resealAll(store);
    }
    assert.deepEqual(await readable(secrets), []);
    await using store = await open(keys);
    assert.deepEqual(await readable(secrets), []);
    const { items } = await store.webhooks(1, {}, { limit: 1, cursor: null });
    assert.equal(items[0]?.webhook.secret, secrets.at(-2));
  });
});
