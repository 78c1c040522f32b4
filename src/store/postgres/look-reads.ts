import type { AcceptedEvent } from '../../domain/event.ts';
import type { DeliveryKey, EventId } from '../../domain/ids.ts';
import {
  deliveryCursor,
  eventCursor,
  pageOf,
  parseDeliveryCursor,
  parseEventCursor,
  parseWebhookCursor,
  webhookCursor,
} from '../cursor.ts';
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
import { toUuid } from './arrays.ts';
import { deliveriesQuery, eventsQuery, webhooksQuery, type Query } from './look-queries.ts';
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
import { HEALTH_COLUMNS, toHealth, type HealthRow } from '../health-change.ts';
import type { Vault } from '../vault.ts';
import type { SessionPool } from './session-pool.ts';
import {
  HEALTH_TABLE,
  toWebhook,
  WEBHOOK_COLUMNS,
  WEBHOOK_TABLES,
  type WebhookRow,
} from './webhook-rows.ts';

type WebhookShown = Awaited<ReturnType<LookStore['webhook']>>;

const ACCOUNTS = { name: 'accounts', text: 'SELECT id, name FROM account ORDER BY id' };

const API_KEY = {
  name: 'api_key',
  text: `SELECT account_id AS "accountId", client_id AS "clientId" FROM api_key WHERE hash = $1`,
};

const WEBHOOK = {
  name: 'webhook',
  text: `SELECT ${WEBHOOK_COLUMNS}, ${HEALTH_COLUMNS} FROM ${WEBHOOK_TABLES} ${HEALTH_TABLE}
    WHERE w.id = $1 AND w.account_id = $2`,
};

const CAMPAIGN = {
  name: 'campaign',
  text: 'SELECT * FROM campaign WHERE account_id = $1 AND id = $2',
};

const EVENT = {
  name: 'event',
  text: `SELECT ${EVENT_COLUMNS} FROM event WHERE account_id = $1 AND id = $2::uuid`,
};

const DELIVERY = {
  name: 'delivery',
  text: `SELECT ${PENDING_COLUMNS} FROM queue
      WHERE account_id = $1 AND event_id = $2::uuid AND webhook_id = $3
    UNION ALL SELECT ${ENDED_COLUMNS} FROM delivery
      WHERE account_id = $1 AND event_id = $2::uuid AND webhook_id = $3`,
};

const ATTEMPTS = {
  name: 'attempts',
  text: `SELECT * FROM attempt WHERE event_id = $1::uuid AND webhook_id = $2 ORDER BY number`,
};

/** The reads of the API. A page is read with one row more than asked, to know whether more follow. */
export class LookReads {
  readonly #pool: SessionPool;

  readonly #vault: Vault;

  constructor(pool: SessionPool, vault: Vault) {
    this.#pool = pool;
    this.#vault = vault;
  }

  accounts(): Promise<{ id: number; name: string }[]> {
    return this.#all({ ...ACCOUNTS, values: [] });
  }

  async apiKey(hash: string): Promise<ApiKey | undefined> {
    return (await this.#all<ApiKey>({ ...API_KEY, values: [hash] }))[0];
  }

  async webhook(accountId: number, id: number): Promise<WebhookShown> {
    const query = { ...WEBHOOK, values: [id, accountId] };
    const [row] = await this.#all<WebhookRow & HealthRow>(query);
    return row && { webhook: toWebhook(row, this.#vault), health: toHealth(row) };
  }

  async webhooks(
    accountId: number,
    filter: WebhookFilter,
    { limit, cursor }: PageRequest,
  ): Promise<Page<NonNullable<WebhookShown>>> {
    const before = cursor === null ? null : parseWebhookCursor(cursor);
    const rows = await this.#all<WebhookRow & HealthRow>(
      webhooksQuery(accountId, filter, before, limit + 1),
    );
    return pageOf(
      rows.map((row) => ({ webhook: toWebhook(row, this.#vault), health: toHealth(row) })),
      limit,
      ({ webhook }) => webhookCursor(webhook.id),
    );
  }

  async campaign(accountId: number, id: number): Promise<Campaign | undefined> {
    const rows = await this.#all<CampaignRow>({ ...CAMPAIGN, values: [accountId, id] });
    return rows.map(toCampaign)[0];
  }

  async event(accountId: number, id: EventId): Promise<AcceptedEvent | undefined> {
    const rows = await this.#all<EventRow>({ ...EVENT, values: [accountId, toUuid(id)] });
    return rows.map(toEvent)[0];
  }

  async events(
    accountId: number,
    filter: EventFilter,
    { limit, cursor }: PageRequest,
  ): Promise<Page<AcceptedEvent>> {
    const after = cursor === null ? null : parseEventCursor(cursor);
    const rows = await this.#all<EventRow>(eventsQuery(accountId, filter, after, limit + 1));
    return pageOf(rows.map(toEvent), limit, ({ id }) => eventCursor(id));
  }

  async deliveries(
    accountId: number,
    filter: DeliveryFilter,
    { limit, cursor }: PageRequest,
  ): Promise<Page<DeliverySummary>> {
    const after = cursor === null ? null : parseDeliveryCursor(cursor);
    const rows = await this.#all<DeliveryRow>(deliveriesQuery(accountId, filter, after, limit + 1));
    return pageOf(rows.map(toDelivery), limit, deliveryCursor);
  }

  async delivery(
    accountId: number,
    { eventId, webhookId }: DeliveryKey,
  ): Promise<DeliveryDetail | undefined> {
    const key = toUuid(eventId);
    const [[event], [row], attempts] = await this.#pool.snapshot((session) => [
      session.query<EventRow>(EVENT, [accountId, key]),
      session.query<DeliveryRow>(DELIVERY, [accountId, key, webhookId]),
      session.query<AttemptRow>(ATTEMPTS, [key, webhookId]),
    ]);
    if (!event || !row) return undefined;
    return {
      ...toDelivery(row),
      event: toEvent(event),
      webhookVersion: row.webhook_version,
      attempts: attempts.map(toAttempt),
    };
  }

  /** Lists have no name: each filter makes another text. */
  #all<Row>({ values, ...statement }: Query & { readonly name?: string }): Promise<Row[]> {
    return this.#pool.run((session) => session.query<Row>(statement, values));
  }
}
