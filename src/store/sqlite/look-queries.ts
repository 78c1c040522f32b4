import { ENDED_STATUSES, type EndedStatus } from '../../domain/delivery.ts';
import { leadKey } from '../../domain/event.ts';
import { firstEventIdAt } from '../../domain/ids.ts';
import type { DeliveryFilter, EventFilter, TimeRange, WebhookFilter } from '../store.ts';
import { HEALTH_COLUMNS } from '../health-change.ts';
import type { Position } from '../cursor.ts';
import { toKey } from './event-key.ts';
import { ENDED_COLUMNS, EVENT_COLUMNS, PENDING_COLUMNS } from './look-rows.ts';
import { WEBHOOK_COLUMNS, WEBHOOK_TABLES } from './webhook-rows.ts';

/**
 * A statement and what it is given. Each walks an index in the order of the list: newest first. The
 * index is named where the planner, which has no statistics, takes another: two bounds of the primary
 * key count more with it than one event type, and a bound value never fits a partial index.
 */
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

  /**
   * Times of acceptance are ranges of ids, for an id begins with its time. Of `to` and the cursor only
   * the lower one is asked: SQLite seeks to one bound, and from `to` it would walk to the cursor.
   */
  accepted(column: 'id' | 'event_id', { from, to }: TimeRange, after: Position | null): this {
    if (from !== undefined) this.add(`${column} >= ?`, toKey(firstEventIdAt(from)));
    const end = to === undefined ? undefined : firstEventIdAt(to);
    if (after === null || (end !== undefined && end <= after.eventId)) {
      return end === undefined ? this : this.add(`${column} < ?`, toKey(end));
    }
    const key = toKey(after.eventId);
    return column === 'id'
      ? this.add('id < ?', key)
      : this.add('(event_id, webhook_id) < (?, ?)', key, after.webhookId);
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
    .accepted('id', filter, after);
  return {
    sql: `SELECT ${EVENT_COLUMNS} FROM event ${eventIndex(filter)} WHERE ${where.sql}
          ORDER BY id DESC LIMIT ?`,
    values: [...where.values, limit],
  };
}

/** The first filter that is given finds the rows; those that are given too are checked row by row. */
function eventIndex({ leadEmail, campaignId, clientId, type }: EventFilter): string {
  if (leadEmail !== undefined) return 'INDEXED BY event_by_lead';
  if (campaignId !== undefined) return 'INDEXED BY event_by_campaign';
  if (clientId !== undefined) return 'INDEXED BY event_by_client';
  return type === undefined ? '' : 'INDEXED BY event_by_type';
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
  const part = (columns: string, table: string, status?: EndedStatus): Query => {
    const where = new Conditions()
      .equal('account_id', accountId)
      .equal('event_id', filter.eventId && toKey(filter.eventId))
      .equal('status', status)
      .accepted('event_id', filter, after);
    // By its row, so that of another account's webhook nothing is walked.
    if (filter.webhookId !== undefined) where.add(OWN_WEBHOOK, filter.webhookId, accountId);
    if (isFailed(status)) where.add(`status <> 'succeeded'`);
    return {
      sql: `SELECT ${columns} FROM ${table} WHERE ${where.sql}
            ORDER BY event_id DESC, webhook_id DESC LIMIT ?`,
      values: [...where.values, limit],
    };
  };
  const pending = part(PENDING_COLUMNS, 'queue');
  if (filter.status === 'pending') return [pending];
  const ended = (status?: EndedStatus): Query =>
    part(ENDED_COLUMNS, `delivery ${deliveryIndex(filter, status)}`, status);
  if (filter.status) return [ended(filter.status)];
  const byStatus = filter.webhookId !== undefined && filter.eventId === undefined;
  return [pending, ...(byStatus ? ENDED_STATUSES : [undefined]).map(ended)];
}

const OWN_WEBHOOK = 'webhook_id = (SELECT id FROM webhook WHERE id = ? AND account_id = ?)';

/** What the partial index is made of; a bound status does not show that it fits. */
function isFailed(status: EndedStatus | undefined): boolean {
  return status === 'exhausted' || status === 'canceled';
}

/** An event has few deliveries, whatever else is asked: they lie by the primary key. */
function deliveryIndex(
  { eventId, webhookId }: DeliveryFilter,
  status: EndedStatus | undefined,
): string {
  if (eventId !== undefined) return '';
  if (webhookId !== undefined) return 'INDEXED BY delivery_by_webhook';
  return isFailed(status) ? 'INDEXED BY delivery_failed' : '';
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
    sql: `SELECT ${WEBHOOK_COLUMNS}, ${HEALTH_COLUMNS}
          FROM ${WEBHOOK_TABLES} LEFT JOIN webhook_health h ON h.webhook_id = w.id
          WHERE ${where.sql} ORDER BY w.id DESC LIMIT ?`,
    values: [...where.values, limit],
  };
}
