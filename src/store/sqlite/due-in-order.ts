import type Database from 'better-sqlite3';
import type { PendingDelivery } from '../../domain/delivery.ts';
import type { DispatchStore, DuePage } from '../store.ts';
import { fromKey } from './event-key.ts';
import { toPending, type BodyRow, type QueueRow } from '../queue-rows.ts';

/** A page stops at this many characters of bodies. */
const MAX_PAGE_SIZE = 4 * 1024 * 1024;

/**
 * Those without a key are few and old: they were accepted before their webhook was set to take leads
 * in order. They are looked for among so many that are due, so that a long wait of leads is not walked.
 */
const WITHOUT_KEY_WINDOW = 1_000;

const COLUMNS =
  'account_id, event_id, webhook_version, attempt_count, next_attempt_at, created_at, schedule_base, ordering_key';

/** One step from key to key. */
const NEXT_KEY = `
  SELECT ${COLUMNS} FROM queue WHERE webhook_id = ? AND ordering_key > ?
  ORDER BY ordering_key, event_id LIMIT 1`;

const FIRST_DUE = `
  SELECT ${COLUMNS} FROM queue WHERE webhook_id = ? AND next_attempt_at <= ?
  ORDER BY next_attempt_at, event_id LIMIT ${WITHOUT_KEY_WINDOW}`;

const NEXT_DUE = `
  SELECT min(next_attempt_at) FROM queue WHERE webhook_id = ? AND next_attempt_at > ?`;

const IS_ACTIVE = `SELECT 1 FROM webhook WHERE id = ? AND status = 'active'`;
const BODY = 'SELECT type, body FROM event WHERE account_id = ? AND id = ?';

interface Row extends QueueRow<Buffer> {
  readonly ordering_key: string | null;
}

/** Reads of webhooks that take each lead's events one after another. */
export class DueInOrder {
  readonly #isActive: Database.Statement<[number]>;
  readonly #nextKey: Database.Statement<[number, string], Row>;
  readonly #firstDue: Database.Statement<[number, number], Row>;
  readonly #nextDue: Database.Statement<[number, number], number | null>;
  readonly #body: Database.Statement<unknown[], BodyRow>;

  constructor(database: Database.Database) {
    this.#isActive = database.prepare(IS_ACTIVE);
    this.#nextKey = database.prepare(NEXT_KEY);
    this.#firstDue = database.prepare(FIRST_DUE);
    this.#nextDue = database.prepare<[number, number], number | null>(NEXT_DUE).pluck();
    this.#body = database.prepare(BODY);
  }

  page(
    webhookId: number,
    now: number,
    limit: number,
    { exceptKeys, after }: Parameters<DispatchStore['dueInOrder']>[3],
  ): DuePage {
    const deliveries: PendingDelivery[] = [];
    if (!this.#isActive.get(webhookId)) return { deliveries, nextDueAt: null };
    const except = new Set(exceptKeys);
    let size = 0;
    for (const { row, key } of this.#candidates(webhookId, now, after ?? '')) {
      if (row.next_attempt_at > now || except.has(key)) continue;
      // There is more: it is due already.
      if (deliveries.length === limit || size > MAX_PAGE_SIZE)
        return { deliveries, nextDueAt: now };
      const found = this.#body.get(row.account_id, row.event_id);
      if (!found) continue;
      deliveries.push({ ...toPending(row, found, webhookId, fromKey), orderingKey: key });
      size += found.body.length;
    }
    return { deliveries, nextDueAt: this.#nextDue.get(webhookId, now) ?? null };
  }

  *#candidates(
    webhookId: number,
    now: number,
    after: string,
  ): Generator<{ readonly row: Row; readonly key: string }> {
    for (const row of this.#firstDue.all(webhookId, now)) {
      if (row.ordering_key === null) yield { row, key: fromKey(row.event_id) };
    }
    for (const [from, to] of [
      [after, undefined],
      ['', after],
    ] as const) {
      for (let key: string = from; ;) {
        const row = this.#nextKey.get(webhookId, key);
        if (!row || row.ordering_key === null) break;
        key = row.ordering_key;
        if (to !== undefined && compareKeys(key, to) > 0) break;
        yield { row, key };
      }
    }
  }
}

/** By bytes of UTF-8, as the database does: UTF-16 has another order beyond the basic plane. */
function compareKeys(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
