import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
import { Receiver } from './receiver.ts';

const NO_KEY = { POSTHORN_API_KEY: '' };

function accountsOnDisk(directory: string): number {
  const file = join(directory, 'posthorn.db');
  if (!existsSync(file)) return 0;
  const database = new Database(file, { readonly: true });
  try {
    return Number(database.prepare('SELECT count(*) FROM account').pluck().get());
  } finally {
    database.close();
  }
}

describe('a first start that fails', () => {
  it('makes no account, so that the next one tells a key, which works', async () => {
    await using directory = await temporaryDirectory();
    await using taken = await Receiver.start();
    const { code, output } = await PosthornProcess.run({
      directory: directory.path,
      env: { ...NO_KEY, PORT: new URL(taken.url).port },
    });
    assert.equal(code, 1, output);
    assert.match(output, /Cannot listen/);
    assert.doesNotMatch(output, /API key, shown/);
    assert.equal(accountsOnDisk(directory.path), 0);

    await using server = await PosthornProcess.start({ directory: directory.path, env: NO_KEY });
    const key = /API key, shown this once: (\S+)/.exec(server.output)?.[1];
    assert.ok(key, server.output);
    const response = await fetch(`${server.url}/api/v1/webhook`, { headers: { 'x-api-key': key } });
    assert.equal(response.status, 200);
    assert.equal(accountsOnDisk(directory.path), 1);
  });
});
