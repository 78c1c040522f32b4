import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Ground } from './harness.ts';
import { storeContract } from './store-contract.ts';

storeContract({ name: 'SQLite', oneOwner: true, oneClock: true, fresh });

async function fresh(): Promise<Ground> {
  const directory = await mkdtemp(join(tmpdir(), 'posthorn-contract-'));
  const file = join(directory, 'posthorn.db');
  return {
    open: (keys) => SqliteStore.open(file, 'a node', undefined, keys),
    stored: () => Promise.resolve(stored(file)),
    outage: () => Promise.resolve(lock(file)),
    sameMoment: async (time) => sameMoment(file, time),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Somebody else's write transaction: a tool on the file, a backup that takes its time. */
function lock(file: string): AsyncDisposable {
  const other = new Database(file);
  other.prepare('BEGIN IMMEDIATE').run();
  return { [Symbol.asyncDispose]: () => Promise.resolve(other.close()).then(() => undefined) };
}

function stored(file: string): string {
  const database = new Database(file, { readonly: true });
  try {
    const tables = ['webhook', 'webhook_version'];
    return JSON.stringify(tables.map((table) => database.prepare(`SELECT * FROM ${table}`).all()));
  } finally {
    database.close();
  }
}

function sameMoment(file: string, time: number): void {
  const other = new Database(file);
  other.prepare('UPDATE webhook SET created_at = ?, updated_at = ?').run(time, time);
  other.prepare('UPDATE webhook_version SET created_at = ?').run(time);
  other.close();
}
