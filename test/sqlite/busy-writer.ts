import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { codeOf } from '../../src/store/sqlite/sql-errors.ts';
import type { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { AcceptEntry, CommitBatch } from '../../src/store/store.ts';
import { anEvent } from '../contract/examples.ts';

export function batchOf(...accepts: readonly AcceptEntry[]): CommitBatch {
  return { records: [], accepts };
}

/** Its deliveries are of webhooks that there need not be. */
export function anAccept(accountId: number, accountVersion: number, deliveries = 0): AcceptEntry {
  const none = { webhookId: 0, webhookVersion: 1 };
  return {
    event: anEvent(accountId),
    accountVersion,
    deliveries: Array.from({ length: deliveries }, (_, i) => ({ ...none, webhookId: i + 1 })),
  };
}

interface BusyStore {
  readonly store: SqliteStore;
  readonly file: string;
  readonly accountId: number;
  readonly version: number;
}

/** How many transactions the log has seen: `iChange` in its index, which counts each (walformat.html). */
export function transactions(file: string): number {
  return readFileSync(`${file}-shm`).readUInt32LE(8);
}

/** Somebody else's, who can tell whether the writer is in a transaction. */
class OtherConnection implements Disposable {
  readonly #database: Database.Database;

  constructor(file: string) {
    this.#database = new Database(file, { timeout: 0 });
  }

  isLockedOut(): boolean {
    try {
      this.#database.exec('BEGIN IMMEDIATE; ROLLBACK');
      return false;
    } catch (error) {
      assert.equal(codeOf(error), 'SQLITE_BUSY');
      return true;
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

/**
 * Has calls wait at the writer: it is in one transaction for long (half a second), and another connection has
 * seen that it was so before the calls were made, and still is after.
 * @returns its commit, the calls, and how many transactions there were before
 */
export async function whileItWrites<Calls>(
  { store, file, accountId, version }: BusyStore,
  make: () => Calls,
  deliveries = 200_000,
) {
  using other = new OtherConnection(file);
  const first = store.commit(batchOf(anAccept(accountId, version, deliveries)));
  // Without a pause: the calls are to have all the rest of the time.
  const deadline = performance.now() + 20_000;
  while (!other.isLockedOut()) assert.ok(performance.now() < deadline, 'it never wrote');
  const calls = make();
  const before = transactions(file);
  assert.ok(other.isLockedOut(), 'the first commit was too short for calls to wait behind it');
  await Promise.allSettled([first]);
  return { first, calls, before };
}
