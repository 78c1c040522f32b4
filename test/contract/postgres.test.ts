import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { TcpProxy } from '../postgres/tcp-proxy.ts';
import { testDatabases } from '../postgres/test-databases.ts';
import type { Ground } from './harness.ts';
import { storeContract } from './store-contract.ts';

storeContract({ name: 'PostgreSQL', oneOwner: true, fresh });

async function fresh(): Promise<Ground> {
  const database = await (await testDatabases()).fresh();
  const proxy = await TcpProxy.start(database.url);
  return {
    open: () => PostgresStore.open(proxy.url, 'a node'),
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
