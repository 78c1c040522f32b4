import type Database from 'better-sqlite3';
import type { EventId } from '../../domain/ids.ts';
import type { Redo } from '../../domain/redo.ts';
import { shardOf } from '../../domain/shard.ts';
import type { CountStep, RedoSet } from '../redo-store.ts';
import { fromKey } from './event-key.ts';
import { RedoFinds, toRedo, type RedoRow } from './redo-finds.ts';

/** Of each webhook the oldest one. */
const UNFINISHED = `
  SELECT * FROM redo INDEXED BY redo_unfinished WHERE ended_at IS NULL ORDER BY webhook_id, id`;

/** What is read of redos. */
export class RedoReads {
  readonly #finds: RedoFinds;
  readonly #unfinished: Database.Statement<[], RedoRow>;

  constructor(database: Database.Database) {
    this.#finds = new RedoFinds(database);
    this.#unfinished = database.prepare(UNFINISHED);
  }

  redo(accountId: number, id: number): Redo | undefined {
    const row = this.#finds.redo(id);
    return row?.account_id === accountId ? toRedo(row) : undefined;
  }

  unfinishedRedos(shards: readonly number[]): Redo[] {
    const owned = new Set(shards);
    const oldest = new Map<number, Redo>();
    for (const row of this.#unfinished.all()) {
      if (!owned.has(shardOf(row.webhook_id)) || oldest.has(row.webhook_id)) continue;
      oldest.set(row.webhook_id, toRedo(row));
    }
    return [...oldest.values()];
  }

  countRedo(set: RedoSet, after: EventId | null, limit: number): CountStep {
    if (set.kind === 'replay') {
      const rows = this.#finds.ended(set, after, limit);
      const last = rows.at(-1);
      const more = rows.length === limit && last !== undefined;
      return { count: rows.length, last: more ? fromKey(last.event_id) : null };
    }
    const { missed, last } = this.#finds.missed(set, after, limit);
    return { count: missed.length, last: last && fromKey(last) };
  }
}
