import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { TcpProxy } from '../postgres/tcp-proxy.ts';
import { testDatabases, withClient } from '../postgres/test-databases.ts';
import type { Ground } from './harness.ts';
import { storeContract } from './store-contract.ts';

storeContract({ name: 'PostgreSQL', oneOwner: true, oneClock: false, fresh });

async function fresh(): Promise<Ground> {
  const database = await (await testDatabases()).fresh();
  const proxy = await TcpProxy.start(database.url);
  return {
    open: (keys) => PostgresStore.open(proxy.url, 'a node', keys),
    stored: () => stored(database.url),
    outage: async () => {
      proxy.shut();
      return { [Symbol.asyncDispose]: async () => proxy.open() };
    },
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
