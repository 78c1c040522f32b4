import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { NO_POLICY } from '../../src/domain/webhook-policy.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { A_POLICY } from '../contract/examples.ts';
import { temporaryDirectory } from '../e2e/ground.ts';

const FIRST = new URL('../../src/store/sqlite/migrations/0001-first.sql', import.meta.url);

/** What the last version has left behind: an account, a webhook, an event and its delivery. */
const CONTENT = `
  INSERT INTO account (id, name, version, created_at) VALUES (1, 'one', 1, 0);
  INSERT INTO webhook (id, account_id, association, normalized_url, secret, status, version,
    created_at, updated_at)
  VALUES (1, 1, 1, 'https://example.com/', 'whsec_AAAA', 'active', 1, 0, 0);
  INSERT INTO webhook_version (webhook_id, version, status, name, url, created_at)
  VALUES (1, 1, 'active', 'n', 'https://example.com/', 0);
  INSERT INTO event (account_id, id, type, campaign_id, account_version, body)
  VALUES (1, unhex('019a00000000700080000000000000aa'), 'SENT', 1, 1, '{}');
  INSERT INTO queue VALUES (1, unhex('019a00000000700080000000000000aa'), 1, 1, 0, 5, 5);`;

describe('a file of the last version', () => {
  it('is brought up to date when it is opened, and keeps what is in it', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'old.db');
    const sql = await readFile(FIRST, 'utf8');
    const old = new Database(file);
    old.pragma('application_id = 0x5048524e');
    old.exec(
      'CREATE TABLE migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT',
    );
    old.exec(sql + CONTENT);
    const checksum = createHash('sha256').update(sql).digest('hex');
    old.prepare(`INSERT INTO migration VALUES (1, '0001-first.sql', ?)`).run(checksum);
    old.pragma('user_version = 1');
    old.close();

    await using store = await SqliteStore.open(file, 'node');
    const webhook = (await store.webhook(1, 1))?.webhook;
    assert.ok(webhook);
    assert.partialDeepStrictEqual(webhook, { ...NO_POLICY, previousSecret: null, name: 'n' });
    const { deliveries } = await store.due(1, 10, 10);
    assert.equal(deliveries.length, 1);
    const changed = await store.updateWebhook(1, 1, A_POLICY);
    assert.deepEqual((await store.webhook(1, 1))?.webhook, changed);
    assert.partialDeepStrictEqual(changed, A_POLICY);
  });
});
