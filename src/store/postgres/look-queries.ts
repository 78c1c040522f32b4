import { leadKey } from '../../domain/event.ts';
import { firstEventIdAt } from '../../domain/ids.ts';
import type { Position } from '../cursor.ts';
import type { DeliveryFilter, EventFilter, TimeRange, WebhookFilter } from '../store.ts';
import { toUuid } from './arrays.ts';
import { ENDED_COLUMNS, EVENT_COLUMNS, PENDING_COLUMNS } from './look-rows.ts';
import type { Value } from './session.ts';
import { HEALTH_COLUMNS } from '../health-change.ts';
import { HEALTH_TABLE, WEBHOOK_COLUMNS, WEBHOOK_TABLES } from './webhook-rows.ts';

/** A statement and what it is given. Each walks an index in the order of the list: newest first. */
export interface Query {
  readonly text: string;
  readonly values: readonly Value[];
}

class Conditions {
  readonly #parts: string[] = [];
  readonly values: Value[];

  /** @param values the statement's values so far, which those of these conditions are added to */
  constructor(values: Value[]) {
    this.values = values;
  }

  /** @param sql with a `?` for each value */
  add(sql: string, ...values: readonly Value[]): this {
    let next = this.values.length;
    this.#parts.push(sql.replaceAll('?', () => `$${(next += 1)}`));
    this.values.push(...values);
    return this;
  }

  equal(column: string, value: Value | undefined): this {
    return value === undefined ? this : this.add(`${column} = ?`, value);
  }

  /** Times of acceptance are ranges of ids, for an id begins with its time; they say which partitions. */
  accepted(column: string, { from, to }: TimeRange): this {
    if (from !== undefined) this.add(`${column} >= ?::uuid`, toUuid(firstEventIdAt(from)));
    if (to !== undefined) this.add(`${column} < ?::uuid`, toUuid(firstEventIdAt(to)));
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
  const values: Value[] = [];
  const where = new Conditions(values)
    .equal('account_id', accountId)
    .equal('lead', filter.leadEmail === undefined ? undefined : leadKey(filter.leadEmail))
    .equal('campaign_id', filter.campaignId)
    .equal('client_id', filter.clientId)
    .equal('type', filter.type)
    .accepted('id', filter);
  if (after) where.add('id < ?::uuid', toUuid(after.eventId));
  values.push(limit);
  return {
    text: `SELECT ${EVENT_COLUMNS} FROM event WHERE ${where.sql}
      ORDER BY id DESC LIMIT $${values.length}`,
    values,
  };
}

/**
 * The parts of a list of deliveries, each in order and limited; the list is their merge. Pending
 * and ended ones are two tables; a webhook's ended ones lie by status.
 */
export function deliveriesQuery(
  accountId: number,
  filter: DeliveryFilter,
  after: Position | null,
  limit: number,
): Query {
  const values: Value[] = [limit];
  const order = 'ORDER BY event_id DESC, webhook_id DESC LIMIT $1';
  const part = (columns: string, table: string, status?: string): string => {
    const where = new Conditions(values)
      .equal('event_id', filter.eventId && toUuid(filter.eventId))
      .equal('status', status)
      .accepted('event_id', filter);
    // By its row, so that of another account's webhook nothing is walked; and without the account,
    // whose deliveries would be walked for those of the webhook.
    if (filter.webhookId !== undefined) where.add(OWN_WEBHOOK, filter.webhookId, accountId);
    if (filter.webhookId === undefined || filter.eventId) where.equal('account_id', accountId);
    if (after) {
      // The first condition says which partitions; the second one is exact.
      where.add('event_id <= ?::uuid', toUuid(after.eventId));
      where.add('(event_id, webhook_id) < (?::uuid, ?)', toUuid(after.eventId), after.webhookId);
    }
    return `(SELECT ${columns} FROM ${table} WHERE ${where.sql} ${order})`;
  };
  const parts = partsOf(filter).map(({ table, status }) =>
    part(table === 'queue' ? PENDING_COLUMNS : ENDED_COLUMNS, table, status),
  );
  return {
    text: parts.length === 1 ? parts.join('') : `${parts.join(' UNION ALL ')} ${order}`,
    values,
  };
}

const OWN_WEBHOOK = 'webhook_id = (SELECT id FROM webhook WHERE id = ? AND account_id = ?)';

/** A table, and the status that is asked of it. */
interface Part {
  readonly table: 'queue' | 'delivery';
  readonly status?: string;
}

const PENDING: Part = { table: 'queue' };
const ENDED: Part = { table: 'delivery' };
const ENDED_BY_STATUS = ['succeeded', 'exhausted', 'canceled'].map(endedWith);

function partsOf({ status, webhookId, eventId }: DeliveryFilter): readonly Part[] {
  if (status) return [status === 'pending' ? PENDING : endedWith(status)];
  // An event has few deliveries, whatever else is asked.
  const byStatus = webhookId !== undefined && eventId === undefined;
  return [PENDING, ...(byStatus ? ENDED_BY_STATUS : [ENDED])];
}

function endedWith(status: string): Part {
  return { table: 'delivery', status };
}

export function webhooksQuery(
  accountId: number,
  filter: WebhookFilter,
  before: number | null,
  limit: number,
): Query {
  const values: Value[] = [];
  const where = new Conditions(values)
    .equal('w.account_id', accountId)
    .equal('w.association', filter.association)
    .equal('w.target_id', filter.targetId)
    .equal('w.status', filter.status);
  if (filter.status === undefined) where.add(`w.status <> 'deleted'`);
  if (before !== null) where.add('w.id < ?', before);
  values.push(limit);
  return {
    text: `SELECT ${WEBHOOK_COLUMNS}, ${HEALTH_COLUMNS} FROM ${WEBHOOK_TABLES} ${HEALTH_TABLE}
      WHERE ${where.sql} ORDER BY w.id DESC LIMIT $${values.length}`,
    values,
  };
}
