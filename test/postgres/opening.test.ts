import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setTimeout as passed } from 'node:timers/promises';
import type pg from 'pg';
import { pendingMigrations } from '../../src/store/postgres/migrate.ts';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { StoreNotUsable, StoreUnavailable } from '../../src/store/store.ts';
import { PostgresServer } from './postgres-server.ts';
import { withClient } from './test-databases.ts';

/** What the database is set to. Long enough for the statement that lifts it, also on a busy machine. */
const STATEMENT_TIMEOUT_MS = 1_000;

const MIGRATIONS = readdirSync(
  new URL('../../src/store/postgres/migrations/', import.meta.url),
).toSorted();

describe('opening a PostgreSQL database', () => {
  let server: PostgresServer;
  let made = 0;

  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server.stop('immediate'));

  async function database(more = ''): Promise<string> {
    const name = `opening_${(made += 1)}`;
    await admin(`CREATE DATABASE ${name} ${more}`);
    return server.url(name);
  }

  const admin = (sql: string): Promise<unknown> =>
    withClient(server.url('postgres'), (client) => client.query(sql));

  it('brings an empty one up to date, and tells before what it would do', async () => {
    const url = await database();
    assert.deepEqual(await pendingMigrations(url), MIGRATIONS);
    assert.deepEqual(await tables(url), [], 'asking changes nothing');
    await open(url);
    assert.deepEqual(await pendingMigrations(url), []);
    await open(url);
  });

  it('does so once where several nodes start at once', async () => {
    const url = await database();
    const stores = await Promise.all(['a', 'b', 'c', 'd'].map((id) => PostgresStore.open(url, id)));
    const made = await Promise.all(
      stores.map((store, i) => store.createFirstAccount('default', String(i).repeat(64))),
    );
    assert.equal(made.filter(Boolean).length, 1, 'and one of them makes the first account');
    const [first] = stores;
    assert.equal((await first?.accounts())?.length, 1);
    for (const store of stores) await store[Symbol.asyncDispose]();
    const { rows } = await run(url, 'SELECT version FROM migration ORDER BY version');
    assert.deepEqual(
      rows,
      MIGRATIONS.map((_, i) => ({ version: i + 1 })),
    );
  });

  it('goes on working on a newer schema, unless that says that it cannot', async () => {
    const url = await database();
    await open(url);
    const [last, next] = [MIGRATIONS.length, MIGRATIONS.length + 1];
    const add = (from: number): Promise<unknown> =>
      run(
        url,
        `INSERT INTO migration VALUES (${next}, 'next.sql', 'x', ${from})
         ON CONFLICT (version) DO UPDATE SET compatible_from = ${from}`,
      );
    await add(last);
    await open(url);
    await add(next);
    await notUsable(url, new RegExp(`newer version.*knows up to ${last}`));
  });

  it('refuses one that another migration made', async () => {
    const url = await database();
    await open(url);
    await run(url, `UPDATE migration SET checksum = 'another'`);
    await notUsable(url, /Migration 1 is not the one/);
  });

  it('refuses tables of something else, and leaves them as they are', async () => {
    const url = await database();
    await run(url, 'CREATE TABLE webhook (a integer)');
    const before = await tables(url);
    await notUsable(url, /tables of something else/);
    await run(url, 'ALTER TABLE webhook RENAME TO event');
    await notUsable(url, /"event" already exists/);
    await run(url, 'ALTER TABLE event RENAME TO webhook');
    assert.deepEqual(await tables(url), before);
  });

  it('refuses an encoding that cannot hold every text', async () => {
    await notUsable(
      await database(`ENCODING 'SQL_ASCII' TEMPLATE template0`),
      /UTF8, not in SQL_ASCII/,
    );
  });

  it('refuses what is not there, and what it may not use; never saying the password', async () => {
    await notUsable(server.url('nowhere'), /database "nowhere" does not exist/);
    await admin(`CREATE ROLE guest LOGIN PASSWORD 'right-guess'`);
    const url = new URL(await database());
    await run(url.href, 'REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    url.username = 'guest';
    url.password = 'wrong-guess';
    await notUsable(url.href, /password authentication failed for user "guest"/);
    url.password = 'right-guess';
    await notUsable(url.href, /permission denied for schema public/);
    for (const password of ['wrong-guess', 'right-guess']) {
      url.password = password;
      const error = await PostgresStore.open(url.href, 'a node').catch((reason: Error) => reason);
      assert.ok(error instanceof Error);
      assert.doesNotMatch(`${error.message} ${String(error.stack)}`, /guess/);
    }
  });

  it('refuses a server that does not speak TLS where that was asked for', async () => {
    await notUsable(`${await database()}?sslmode=verify-full`, /does not support SSL/);
  });

  it('refuses what is no URL without repeating it', async () => {
    for (const url of ['postgres://user:guess@[half/x', 'guess']) {
      const error = await PostgresStore.open(url, 'a node').catch((reason: Error) => reason);
      assert.ok(error instanceof StoreNotUsable);
      assert.doesNotMatch(error.message, /guess/);
    }
  });

  it('says that a server is away where nothing answers: that may change', async () => {
    const url = new URL(server.url('x'));
    url.port = '1';
    url.password = 'guess';
    await assert.rejects(PostgresStore.open(url.href, 'a node'), (error: Error) => {
      assert.ok(error instanceof StoreUnavailable);
      assert.match(error.message, /127\.0\.0\.1:1.*ECONNREFUSED/);
      assert.doesNotMatch(error.message, /guess/);
      return true;
    });
  });

  it('works with what the role or the database are set to', async () => {
    const url = await database();
    const name = new URL(url).pathname.slice(1);
    for (const setting of [
      'synchronous_commit = off',
      `default_transaction_isolation = 'serializable'`,
      `statement_timeout = '${STATEMENT_TIMEOUT_MS}ms'`,
      `DateStyle = 'German'`,
      `bytea_output = 'escape'`,
      `IntervalStyle = 'sql_standard'`,
      `TimeZone = 'Asia/Kathmandu'`,
      `plan_cache_mode = 'force_generic_plan'`,
    ]) {
      await admin(`ALTER DATABASE ${name} SET ${setting}`);
    }
    await using store = await PostgresStore.open(url, 'a node');
    const account = await withClient(url, async (client) => {
      await client.query('BEGIN; LOCK TABLE account');
      const creating = store.createAccount('An account');
      creating.catch(() => {});
      await passed(2 * STATEMENT_TIMEOUT_MS);
      await client.query('COMMIT');
      return creating;
    });
    assert.equal(account, 1);
    const { nodes } = await store.renew(60_000);
    assert.deepEqual(nodes, ['a node']);
  });
});

function run(url: string, sql: string): Promise<pg.QueryResult> {
  return withClient(url, (client) => client.query(sql));
}

async function tables(url: string): Promise<unknown[]> {
  const sql = `SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`;
  return (await run(url, sql)).rows;
}

async function open(url: string): Promise<void> {
  await using _store = await PostgresStore.open(url, 'a node');
}

async function notUsable(url: string, saying: RegExp): Promise<void> {
  await assert.rejects(PostgresStore.open(url, 'a node'), (error: Error) => {
    assert.ok(error instanceof StoreNotUsable, String(error));
    assert.match(error.message, saying);
    return true;
  });
}
