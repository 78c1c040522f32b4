import type Database from 'better-sqlite3';
import { firstEventIdAt } from '../../domain/ids.ts';
import type { RetentionStep } from '../store.ts';
import type { Announcing } from './announcing.ts';
import { toKey } from './event-key.ts';

/** Pages given back to the file system in one step. */
const FREED_PAGES = 256;

/** Of the oldest redos those that ended before a time: a person asks for few. */
const EXPIRE_REDOS = `DELETE FROM redo WHERE ended_at < ?
  AND id IN (SELECT id FROM redo WHERE id > 0 ORDER BY id LIMIT 1000)`;

/** Deletes old events with all that hangs on them, in steps small enough to go between commits. */
export class Retention {
  readonly #database: Database.Database;
  readonly #announcing: Announcing;

  constructor(database: Database.Database, announcing: Announcing) {
    this.#database = database;
    this.#announcing = announcing;
  }

  /** Inside a transaction. */
  expire(before: number, limit: number): RetentionStep {
    this.#database.prepare(EXPIRE_REDOS).run(before);
    const bound = toKey(firstEventIdAt(before));
    let events = 0;
    let exhausted = 0;
    const accounts = this.#database.prepare<[], number>('SELECT id FROM account').pluck().all();
    for (const accountId of accounts) {
      const old = this.#database
        .prepare<unknown[], Buffer>(
          'SELECT id FROM event WHERE account_id = ? AND id < ? ORDER BY id LIMIT ?',
        )
        .pluck()
        .all(accountId, bound, limit - events);
      for (const key of old) exhausted += this.#delete(accountId, key);
      events += old.length;
      if (events >= limit) return { events, exhausted, more: true };
    }
    return { events, exhausted, more: false };
  }

  /** Outside of a transaction: gives pages that were freed back. */
  shrink(): void {
    this.#database.pragma(`incremental_vacuum(${FREED_PAGES})`);
  }

  /** @returns how many of its deliveries were pending still */
  #delete(accountId: number, key: Buffer): number {
    const run = (sql: string, ...values: unknown[]): number =>
      this.#database.prepare(sql).run(...values).changes;
    run('DELETE FROM attempt WHERE event_id = ?', key);
    run('DELETE FROM delivery WHERE account_id = ? AND event_id = ?', accountId, key);
    this.#announcing.expired(accountId, key, Date.now());
    const pending = run('DELETE FROM queue WHERE account_id = ? AND event_id = ?', accountId, key);
    run('DELETE FROM event WHERE account_id = ? AND id = ?', accountId, key);
    return pending;
  }
}
