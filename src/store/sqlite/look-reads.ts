import type Database from 'better-sqlite3';
import type { AcceptedEvent } from '../../domain/event.ts';
import type { DeliveryKey, EventId } from '../../domain/ids.ts';
import type {
  ApiKey,
  Campaign,
  DeliveryDetail,
  DeliveryFilter,
  DeliverySummary,
  EventFilter,
  LookStore,
  Page,
  PageRequest,
  WebhookFilter,
} from '../store.ts';
import {
  deliveryCursor,
  eventCursor,
  pageOf,
  parseDeliveryCursor,
  parseEventCursor,
  parseWebhookCursor,
  webhookCursor,
} from '../cursor.ts';
import { HEALTH_COLUMNS, toHealth, type HealthRow } from '../health-change.ts';
import { Vault } from '../vault.ts';
import { toKey } from './event-key.ts';
import { deliveriesQueries, eventsQuery, webhooksQuery, type Query } from './look-queries.ts';
import {
  ENDED_COLUMNS,
  EVENT_COLUMNS,
  PENDING_COLUMNS,
  toAttempt,
  toCampaign,
  toDelivery,
  toEvent,
  type AttemptRow,
  type CampaignRow,
  type DeliveryRow,
  type EventRow,
} from './look-rows.ts';
import { toWebhook, WEBHOOK_COLUMNS, WEBHOOK_TABLES, type WebhookRow } from './webhook-rows.ts';

type WebhookShown = Awaited<ReturnType<LookStore['webhook']>>;

/** The reads of the API. A page is read with one row more than asked, to know whether more follow. */
export class LookReads {
  readonly #database: Database.Database;
  readonly #statements = new Map<string, Database.Statement>();

  readonly #vault: Vault;

  constructor(database: Database.Database, vault = new Vault()) {
    this.#vault = vault;
    this.#database = database;
  }

  accounts(): { id: number; name: string }[] {
    return this.#all({ sql: 'SELECT id, name FROM account ORDER BY id', values: [] });
  }

  apiKey(hash: string): ApiKey | undefined {
    const sql = 'SELECT account_id AS accountId, client_id AS clientId FROM api_key WHERE hash = ?';
    return this.#all<ApiKey>({ sql, values: [hash] })[0];
  }

  webhook(accountId: number, id: number): WebhookShown {
    const [row] = this.#all<WebhookRow & HealthRow>({
      sql: `SELECT ${WEBHOOK_COLUMNS}, ${HEALTH_COLUMNS}
            FROM ${WEBHOOK_TABLES} LEFT JOIN webhook_health h ON h.webhook_id = w.id
            WHERE w.id = ? AND w.account_id = ?`,
      values: [id, accountId],
    });
    return row && { webhook: toWebhook(row, this.#vault), health: toHealth(row) };
  }

  webhooks(
    accountId: number,
    filter: WebhookFilter,
    { limit, cursor }: PageRequest,
  ): Page<NonNullable<WebhookShown>> {
    const before = cursor === null ? null : parseWebhookCursor(cursor);
    const rows = this.#all<WebhookRow & HealthRow>(
      webhooksQuery(accountId, filter, before, limit + 1),
    );
    return pageOf(
      rows.map((row) => ({ webhook: toWebhook(row, this.#vault), health: toHealth(row) })),
      limit,
      ({ webhook }) => webhookCursor(webhook.id),
    );
  }

  campaign(accountId: number, id: number): Campaign | undefined {
    const sql = 'SELECT * FROM campaign WHERE account_id = ? AND id = ?';
    return this.#all<CampaignRow>({ sql, values: [accountId, id] }).map(toCampaign)[0];
  }

  event(accountId: number, id: EventId): AcceptedEvent | undefined {
    const sql = `SELECT ${EVENT_COLUMNS} FROM event WHERE account_id = ? AND id = ?`;
    return this.#all<EventRow>({ sql, values: [accountId, toKey(id)] }).map(toEvent)[0];
  }

  events(
    accountId: number,
    filter: EventFilter,
    { limit, cursor }: PageRequest,
  ): Page<AcceptedEvent> {
    const after = cursor === null ? null : parseEventCursor(cursor);
    const rows = this.#all<EventRow>(eventsQuery(accountId, filter, after, limit + 1));
    return pageOf(rows.map(toEvent), limit, ({ id }) => eventCursor(id));
  }

  deliveries(
    accountId: number,
    filter: DeliveryFilter,
    { limit, cursor }: PageRequest,
  ): Page<DeliverySummary> {
    const after = cursor === null ? null : parseDeliveryCursor(cursor);
    const parts = deliveriesQueries(accountId, filter, after, limit + 1);
    const merged = parts
      .flatMap((query) => this.#all<DeliveryRow>(query).map(toDelivery))
      .toSorted(newestFirst);
    return pageOf(merged, limit, deliveryCursor);
  }

  delivery(accountId: number, { eventId, webhookId }: DeliveryKey): DeliveryDetail | undefined {
    const event = this.event(accountId, eventId);
    const key = toKey(eventId);
    const [row] = [
      [PENDING_COLUMNS, 'queue'],
      [ENDED_COLUMNS, 'delivery'],
    ].flatMap(([columns, table]) =>
      this.#all<DeliveryRow>({
        sql: `SELECT ${columns} FROM ${table}
              WHERE account_id = ? AND event_id = ? AND webhook_id = ?`,
        values: [accountId, key, webhookId],
      }),
    );
    if (!event || !row) return undefined;
    const attempts = this.#all<AttemptRow>({
      sql: 'SELECT * FROM attempt WHERE event_id = ? AND webhook_id = ? ORDER BY number',
      values: [key, webhookId],
    });
    return {
      ...toDelivery(row),
      event,
      webhookVersion: row.webhook_version,
      attempts: attempts.map(toAttempt),
    };
  }

  #all<Row>({ sql, values }: Query): Row[] {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement.all(...values) as Row[];
  }
}

function newestFirst(a: DeliverySummary, b: DeliverySummary): number {
  if (a.eventId !== b.eventId) return a.eventId < b.eventId ? 1 : -1;
  return b.webhookId - a.webhookId;
}
