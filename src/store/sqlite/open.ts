import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { StoreNotUsable } from '../store.ts';
import type { Vault } from '../vault.ts';
import { LATEST_VERSION, migrate } from './migrate.ts';
import { judgeSeals } from './sealing.ts';
import { codeOf } from './sql-errors.ts';

/** "PHRN" in ASCII: says of a file whose it is (`file` and `PRAGMA application_id` show it). */
const APPLICATION_ID = 0x5048524e;

const HEADER_BYTES = 100;
const MAGIC = 'SQLite format 3\0';
const USER_VERSION_AT = 60;
const APPLICATION_ID_AT = 68;

/** How long a lock of somebody else's is waited for before the store counts as away. */
const LOCK_TIMEOUT_MS = 100;

/** The schema from which on something may be encrypted. */
const SEALS_SINCE = 2;

/**
 * A split of a page of an index makes SQLite walk the whole cache at the commit: 80 µs with 64 MiB, 20 with
 * 16. With 6 as many events go through as with 16, and memory is 16 MiB less at its peak.
 */
const CACHE_KIB = 6 * 1024;

/** Files up to this size are checked as a whole at the start: about 0.3 s at most. */
const CHECKED_BYTES = 64 * 1024 * 1024;

/** The writer's connection and the lock that keeps every other server off the file. */
export interface OpenDatabase {
  readonly database: Database.Database;
  readonly lock: Database.Database;
}

/**
 * Opens the database for writing; makes it where there is none.
 * @throws StoreNotUsable where it is damaged, newer, not ours or in use; it is left as it is
 */
export function openForWriting(file: string, vault: Vault): OpenDatabase {
  try {
    mkdirSync(dirname(file), { recursive: true });
    const size = judgeHeader(file);
    const lock = takeLock(file);
    try {
      return { database: openDatabase(file, size, vault), lock };
    } catch (error) {
      lock.close();
      throw error;
    }
  } catch (error) {
    throw notUsable(error, file);
  }
}

/**
 * Secrets and message bodies are in it. The log and its index get the mode of the file they belong to.
 * One that is there keeps its own, and is not opened: closing it again would let go of locks on it.
 */
function makePrivately(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

function openDatabase(file: string, size: number, vault: Vault): Database.Database {
  if (size > 0) checkExisting(file, size, vault);
  makePrivately(file);
  const database = new Database(file, { timeout: LOCK_TIMEOUT_MS });
  try {
    if (size === 0) prepareNew(database);
    configure(database);
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A connection that only reads: it sees what was committed when a read begins. */
export function openForReading(file: string): Database.Database {
  return new Database(file, { readonly: true, fileMustExist: true, timeout: LOCK_TIMEOUT_MS });
}

/** Judges a file by its first bytes, without SQLite, which would write to it. Returns its size. */
function judgeHeader(file: string): number {
  const header = Buffer.alloc(HEADER_BYTES);
  let size: number;
  try {
    const descriptor = openSync(file, 'r');
    size = fstatSync(descriptor).size;
    readSync(descriptor, header, 0, HEADER_BYTES, 0);
    closeSync(descriptor);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw new StoreNotUsable(`Cannot read the database ${file}: ${(error as Error).message}`);
  }
  if (size === 0) return 0;
  if (header.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    throw new StoreNotUsable(`${file} is not a SQLite database, or is damaged`);
  }
  if (header.readUInt32BE(APPLICATION_ID_AT) !== APPLICATION_ID) {
    throw new StoreNotUsable(`${file} is a SQLite database, but not one of Posthorn`);
  }
  refuseNewer(file, header.readUInt32BE(USER_VERSION_AT));
  return size;
}

function refuseNewer(file: string, version: number): void {
  if (version <= LATEST_VERSION) return;
  throw new StoreNotUsable(
    `${file} is of a newer version (schema ${version}; this version knows up to ${LATEST_VERSION})`,
  );
}

/**
 * A second database beside the first, held in an exclusive transaction for the process's life. The
 * operating system lets go of it when the process ends, however it ends; and the main file stays
 * open to whoever wants to read it meanwhile.
 */
function takeLock(file: string): Database.Database {
  makePrivately(`${file}.lock`);
  const lock = new Database(`${file}.lock`, { timeout: 0 });
  try {
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (!codeOf(error).startsWith('SQLITE_BUSY')) throw error;
    throw new StoreNotUsable(`The database ${file} is in use by another Posthorn server`);
  }
}

function prepareNew(database: Database.Database): void {
  // Has no effect once there is a table.
  database.pragma('auto_vacuum = INCREMENTAL');
  // Before WAL, so that it stands in the file itself from the first moment.
  database.pragma(`application_id = ${APPLICATION_ID}`);
}

/**
 * On a connection that only reads: one that may write would, when it is closed again, copy the log that
 * a kill left behind into a file that is to be left as it is.
 */
function checkExisting(file: string, size: number, vault: Vault): void {
  const database = openForReading(file);
  try {
    const version = Number(database.pragma('user_version', { simple: true }));
    refuseNewer(file, version);
    if (version >= SEALS_SINCE) judgeSeals(database, vault);
    if (size > CHECKED_BYTES) return;
    const found = database.pragma('quick_check(1)', { simple: true });
    if (found === 'ok') return;
    throw new StoreNotUsable(`The database ${file} is damaged: ${String(found)}`);
  } finally {
    database.close();
  }
}

function configure(database: Database.Database): void {
  database.pragma('journal_mode = WAL');
  // At every opening: a reopened WAL file came up at NORMAL, which syncs at checkpoints only.
  database.pragma('synchronous = FULL');
  if (database.pragma('synchronous', { simple: true }) !== 2) {
    throw new StoreNotUsable('SQLite would not take synchronous = FULL');
  }
  // The writer checkpoints by itself, after a commit was answered.
  database.pragma('wal_autocheckpoint = 0');
  // Rows refer to others by ids that this code makes; checking each would double the look-ups.
  database.pragma('foreign_keys = OFF');
  database.pragma(`cache_size = -${CACHE_KIB}`);
  database.pragma('temp_store = MEMORY');
}

function notUsable(error: unknown, file: string): unknown {
  const code = codeOf(error);
  if (code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB')) {
    return new StoreNotUsable(`The database ${file} is damaged (${code})`);
  }
  if (!(error instanceof Error && 'code' in error)) return error;
  const suffix = code === '' ? '' : ` (${code})`;
  return new StoreNotUsable(`Cannot open the database ${file}: ${error.message}${suffix}`);
}
