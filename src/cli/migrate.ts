import { pendingMigrations, migrate as apply } from '../store/postgres/migrate.ts';
import { StoreNotUsable, StoreUnavailable } from '../store/store.ts';
import { fail, readSettings, type Flags } from './settings.ts';

/** `posthorn migrate`: brings a PostgreSQL database up to date, or with `--check` only says what it lacks. */
export async function migrate(flags: Flags): Promise<void> {
  const config = readSettings(flags);
  if (!config) return;
  const { database } = config;
  if (database.kind === 'sqlite') {
    console.log('A SQLite file is brought up to date when the server opens it: nothing to do.');
    return;
  }
  try {
    const pending = await pendingMigrations(database.url);
    if (pending.length === 0) console.log('The database is up to date.');
    else if (flags['check'] === true) fail(`These migrations are to be applied:\n${list(pending)}`);
    else {
      await apply(database.url);
      console.log(`Applied:\n${list(pending)}`);
    }
  } catch (error) {
    if (!(error instanceof StoreNotUsable || error instanceof StoreUnavailable)) throw error;
    fail(error.message);
  }
}

function list(names: readonly string[]): string {
  return names.map((name) => `  ${name}`).join('\n');
}
