import { limitFiles } from './file-limit.ts';
import { PostgresServer } from './postgres/postgres-server.ts';

/**
 * Before a whole run: one PostgreSQL for all test files, unless one is given, which ends with the run;
 * and an end for files that do not come to one.
 */
export async function globalSetup(): Promise<void> {
  limitFiles();
  if (process.env['TEST_DATABASE_URL']) return;
  const server = await PostgresServer.start();
  process.env['TEST_DATABASE_URL'] = server.url('postgres');
}
