import { leadKey } from '../../domain/event.ts';
import { firstEventIdAt } from '../../domain/ids.ts';
import type { DeliveryFilter, EventFilter, TimeRange, WebhookFilter } from '../store.ts';
import type { Position } from './cursor.ts';
import { toKey } from './event-key.ts';
import { ENDED_COLUMNS, EVENT_COLUMNS, PENDING_COLUMNS } from './look-rows.ts';
import { WEBHOOK_COLUMNS, WEBHOOK_TABLES } from './webhook-rows.ts';

/** A statement and what it is given. Each walks an index in the order of the list: newest first. */
export interface Query {
  readonly sql: string;
  readonly values: readonly unknown[];
}

class Conditions {
  readonly #parts: string[] = [];
  readonly values: unknown[] = [];

  add(sql: string, ...values: unknown[]): this {
    this.#parts.push(sql);
    this.values.push(...values);
    return this;
  }

  equal(column: string, value: unknown): this {
    return value === undefined ? this : this.add(`${column} = ?`, value);
  }

  /** Times of acceptance are ranges of ids, for an id begins with its time. */
  accepted(column: string, { from, to }: TimeRange): this {
    if (from !== undefined) this.add(`${column} >= ?`, toKey(firstEventIdAt(from)));
    if (to !== undefined) this.add(`${column} < ?`, toKey(firstEventIdAt(to)));
    return this;
  }

  get sql(): string {
    return this.#parts.join(' AND ');
  }
}

export function eventsQuery(
  accountId: number,
  filter: EventFilter,
  after: Position | null,
  limit: number,
): Query {
  const where = new Conditions()
    .equal('account_id', accountId)
    .equal('lead', filter.leadEmail === undefined ? undefined : leadKey(filter.leadEmail))
    .equal('campaign_id', filter.campaignId)
    .equal('client_id', filter.clientId)
    .equal('type', filter.type)
    .accepted('id', filter);
  if (after) where.add('id < ?', toKey(after.eventId));
  return {
    sql: `SELECT ${EVENT_COLUMNS} FROM event WHERE ${where.sql} ORDER BY id DESC LIMIT ?`,
    values: [...where.values, limit],
  };
}

/**
 * The parts of a list of deliveries, each in order and limited; the list is their merge. Pending
 * and ended ones are two tables; a webhook's ended ones lie by status.
 */
export function deliveriesQueries(
  accountId: number,
  filter: DeliveryFilter,
  after: Position | null,
  limit: number,
): Query[] {
  const part = (columns: string, table: string, status?: string): Query => {
    const where = new Conditions()
      .equal('account_id', accountId)
      .equal('webhook_id', filter.webhookId)
      .equal('event_id', filter.eventId && toKey(filter.eventId))
      .equal('status', status)
      .accepted('event_id', filter);
    if (after) where.add('(event_id, webhook_id) < (?, ?)', toKey(after.eventId), after.webhookId);
    return {
      sql: `SELECT ${columns} FROM ${table} WHERE ${where.sql}
            ORDER BY event_id DESC, webhook_id DESC LIMIT ?`,
      values: [...where.values, limit],
    };
  };
  const pending = part(PENDING_COLUMNS, 'queue');
  if (filter.status === 'pending') return [pending];
  if (filter.status) return [part(ENDED_COLUMNS, 'delivery', filter.status)];
  const statuses =
    filter.webhookId === undefined ? [undefined] : ['succeeded', 'exhausted', 'canceled'];
  return [pending, ...statuses.map((status) => part(ENDED_COLUMNS, 'delivery', status))];
}

export function webhooksQuery(
  accountId: number,
  filter: WebhookFilter,
  before: number | null,
  limit: number,
): Query {
  const where = new Conditions()
    .equal('w.account_id', accountId)
    .equal('w.association', filter.association)
    .equal('w.target_id', filter.targetId)
    .equal('w.status', filter.status);
  if (filter.status === undefined) where.add(`w.status <> 'deleted'`);
  if (before !== null) where.add('w.id < ?', before);
  return {
    sql: `SELECT ${WEBHOOK_COLUMNS}, h.last_success_at, h.last_failure_at, h.consecutive_failures
          FROM ${WEBHOOK_TABLES} LEFT JOIN webhook_health h ON h.webhook_id = w.id
          WHERE ${where.sql} ORDER BY w.id DESC LIMIT ?`,
    values: [...where.values, limit],
  };
}
