import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { StoreNotUsable } from '../store.ts';
import type { Vault } from '../vault.ts';
import { clientConfig, targetOf } from './connection.ts';
import { openSession, type Session } from './session.ts';
import { judgeSeals } from './sealing.ts';
import { openingError } from './sql-errors.ts';

/** Forward only; a migration that was released is never edited. Their number is the schema's version. */
const FILES = ['0001-first.sql', '0002-policy.sql', '0003-redo.sql', '0004-health.sql'];

/**
 * By version, the oldest schema whose programs go on working after it: what makes rolling upgrades
 * possible. A migration that takes away what version n needs says n + 1 here.
 */
const COMPATIBLE_FROM = [1, 1, 1, 1];

/** Any number that is always the same: only one node migrates at a time. */
const MIGRATION_LOCK = 0x5048524e;

/** The schema from which on something may be encrypted. */
const SEALS_SINCE = 2;

const OLDEST_SERVER = 140_000;

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

interface AppliedMigration {
  readonly version: number;
  readonly checksum: string;
  readonly compatible_from: number;
}

/**
 * Brings the schema up to date in one transaction, and checks what was applied before.
 * @param vault has to have every key that secrets are encrypted with: else nothing is changed
 */
export async function migrate(url: string, vault?: Vault): Promise<void> {
  await inSession(url, async (session) => {
    await session.query({ text: 'BEGIN' });
    await session.query({ text: `SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})` });
    const missing = await pending(session);
    const [next] = missing;
    if (vault && (next === undefined || next.version > SEALS_SINCE))
      await judgeSeals(session, vault);
    // Two nodes that start at once take turns, however long the first one needs.
    for (const { version, name, sql, checksum } of missing) {
      if (version === 1) await session.query({ text: CREATE_MIGRATION });
      await session.query({ text: sql });
      await session.query({ text: INSERT_MIGRATION }, [
        version,
        name,
        checksum,
        COMPATIBLE_FROM[version - 1] ?? version,
      ]);
    }
    await session.query({ text: 'COMMIT' });
  });
}

/** The names of the migrations that starting would apply. Changes nothing. */
export function pendingMigrations(url: string): Promise<readonly string[]> {
  return inSession(url, async (session) => (await pending(session)).map(({ name }) => name));
}

const CREATE_MIGRATION = `CREATE TABLE migration (
  version integer PRIMARY KEY,
  name text NOT NULL,
  checksum text NOT NULL,
  -- The oldest schema whose programs can work with this one.
  compatible_from integer NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)`;

const INSERT_MIGRATION =
  'INSERT INTO migration (version, name, checksum, compatible_from) VALUES ($1, $2, $3, $4)';

async function inSession<Result>(
  url: string,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const config = clientConfig(url, 'migrate');
  let session: Session | undefined;
  try {
    session = await openSession(new pg.Client(config), 'migrate');
    await session.query({ text: `SET lock_timeout = 0` });
    await judgeServer(session);
    return await work(session);
  } catch (error) {
    throw openingError(error, targetOf(url));
  } finally {
    await session?.close();
  }
}

async function judgeServer(session: Session): Promise<void> {
  const [server] = await session.query<{ version: number; shown: string; encoding: string }>({
    text: `SELECT current_setting('server_version_num')::integer AS version,
      current_setting('server_version') AS shown, current_setting('server_encoding') AS encoding`,
  });
  if (!server || server.version < OLDEST_SERVER) {
    throw new StoreNotUsable(`PostgreSQL 14 or later is needed, this is ${server?.shown}`);
  }
  if (server.encoding !== 'UTF8') {
    throw new StoreNotUsable(`The database has to be in UTF8, not in ${server.encoding}`);
  }
}

async function pending(session: Session): Promise<Migration[]> {
  const known = FILES.map((name, i): Migration => {
    const sql = readFileSync(new URL(`migrations/${name}`, import.meta.url), 'utf8');
    return { version: i + 1, name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  });
  const [found] = await session.query<{ migration: string | null; webhook: string | null }>({
    text: `SELECT to_regclass('migration')::text AS migration, to_regclass('webhook')::text AS webhook`,
  });
  if (!found?.migration) {
    if (found?.webhook) throw new StoreNotUsable('The database has tables of something else');
    return known;
  }
  const applied = await session.query<AppliedMigration>({
    text: 'SELECT version, checksum, compatible_from FROM migration ORDER BY version',
  });
  for (const { version, checksum, compatible_from: compatibleFrom } of applied) {
    const same = known[version - 1];
    if (same ? same.checksum === checksum : compatibleFrom <= FILES.length) continue;
    throw new StoreNotUsable(
      same
        ? `Migration ${version} is not the one that made this database`
        : `The database is of a newer version (schema ${version}, for programs that know schema ` +
            `${compatibleFrom} or later; this one knows up to ${FILES.length})`,
    );
  }
  return known.slice(applied.length);
}
