import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { Ground } from '../contract/harness.ts';
import { TcpProxy } from './tcp-proxy.ts';
import { testDatabases, withClient } from './test-databases.ts';

/** @param sql run in the fresh database before anybody opens it */
export async function freshGround(sql?: string): Promise<Ground> {
  const database = await (await testDatabases()).fresh();
  if (sql !== undefined) await withClient(database.url, (client) => client.query(sql));
  const proxy = await TcpProxy.start(database.url);
  return {
    open: (keys) => PostgresStore.open(proxy.url, 'a node', keys),
    stored: () => stored(database.url),
    outage: async () => {
      proxy.shut();
      return { [Symbol.asyncDispose]: async () => proxy.open() };
    },
    sameMoment: (time) =>
      withClient(database.url, async (client) => {
        await client.query('UPDATE webhook SET created_at = $1, updated_at = $1', [time]);
        await client.query('UPDATE webhook_version SET created_at = $1', [time]);
      }),
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

function stored(url: string): Promise<string> {
  return withClient(url, async (client) => {
    const tables = [];
    for (const table of ['webhook', 'webhook_version']) {
      tables.push((await client.query(`SELECT * FROM ${table} ORDER BY 1, 2`)).rows);
    }
    return JSON.stringify(tables);
  });
}
