import { PostgresServer } from './postgres/postgres-server.ts';

/** Before a whole run: one PostgreSQL for all test files, unless one is given. It ends with the run. */
export async function globalSetup(): Promise<void> {
  if (process.env['TEST_DATABASE_URL']) return;
  const server = await PostgresServer.start();
  process.env['TEST_DATABASE_URL'] = server.url('postgres');
}
