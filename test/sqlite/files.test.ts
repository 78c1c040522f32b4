import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';

const FILES = ['posthorn.db', 'posthorn.db-shm', 'posthorn.db-wal', 'posthorn.db.lock'];

let directory: string;
let umask: number;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'posthorn-sqlite-'));
  umask = process.umask(0);
});
after(async () => {
  process.umask(umask);
  await rm(directory, { recursive: true, force: true });
});

async function modes(): Promise<string[]> {
  const names = (await readdir(directory)).toSorted();
  return Promise.all(
    names.map(
      async (name) => `${name} ${((await stat(join(directory, name))).mode & 0o777).toString(8)}`,
    ),
  );
}

describe('the files of a database, which hold secrets,', () => {
  it("are nobody's but their owner's, whatever the umask", async () => {
    await using store = await SqliteStore.open(join(directory, 'posthorn.db'), 'node');
    await store.createAccount('one');
    assert.deepEqual(
      await modes(),
      FILES.map((name) => `${name} 600`),
    );
  });

  it('keep the mode that they were given afterwards', async () => {
    await chmod(join(directory, 'posthorn.db'), 0o640);
    await using store = await SqliteStore.open(join(directory, 'posthorn.db'), 'node');
    await store.createAccount('two');
    assert.deepEqual(
      await modes(),
      FILES.map((name) => `${name} ${name.endsWith('.lock') ? 600 : 640}`),
    );
  });
});
