import type Database from 'better-sqlite3';
import type { EventId } from '../../domain/ids.ts';
import type { AssociationType, WebhookStatus } from '../../domain/webhook.ts';
import { OPERATIONAL_BODY, toMatchable, type MatchedRow } from '../matched-event.ts';
import { pageOf, parseWebhookThenCursor, webhookThenCursor } from '../cursor.ts';
import type { WebhooksThen, WebhookThen } from '../explain-store.ts';
import type { PageRequest } from '../store.ts';
import { toKey } from './event-key.ts';
import { fromJson } from './webhook-rows.ts';

interface MatchedEvent extends MatchedRow {
  readonly accountVersion: number;
}

interface WebhookThenRow {
  readonly id: number;
  readonly name: string | null;
  readonly association: AssociationType;
  readonly target_id: number | null;
  /** Null with the two maps where there was no version of it yet. */
  readonly status: WebhookStatus | null;
  readonly event_type_map: string | null;
  readonly category_id_map: string | null;
  readonly has_delivery: number;
}

const MATCHED_EVENT = `
  SELECT type, campaign_id AS campaignId, client_id AS clientId, category_id AS categoryId,
    account_version AS accountVersion, ${OPERATIONAL_BODY} AS body
  FROM event WHERE account_id = ? AND id = ?`;

/** For each webhook one look-up of the version that held, and one in each table of deliveries. */
export const WEBHOOKS_THEN = `
  SELECT w.id, n.name, w.association, w.target_id, v.status, v.event_type_map, v.category_id_map,
    EXISTS (SELECT 1 FROM queue WHERE webhook_id = w.id AND event_id = ?)
    OR EXISTS (SELECT 1 FROM delivery
               WHERE account_id = ? AND event_id = ? AND webhook_id = w.id) AS has_delivery
  FROM webhook w
  JOIN webhook_version n ON n.webhook_id = w.id AND n.version = w.version
  LEFT JOIN webhook_version v ON v.webhook_id = w.id AND v.version =
    (SELECT max(version) FROM webhook_version WHERE webhook_id = w.id AND version <= ?)
  WHERE w.account_id = ? AND w.id < ? ORDER BY w.id DESC LIMIT ?`;

/** What explaining reads: webhooks as they were when an event was matched. */
export class ExplainReads {
  readonly #event: Database.Statement<[number, Buffer], MatchedEvent>;
  readonly #webhooks: Database.Statement<unknown[], WebhookThenRow>;

  constructor(database: Database.Database) {
    this.#event = database.prepare(MATCHED_EVENT);
    this.#webhooks = database.prepare(WEBHOOKS_THEN);
  }

  webhooksThen(
    accountId: number,
    id: EventId,
    { limit, cursor }: PageRequest,
  ): WebhooksThen | undefined {
    const before = cursor === null ? Number.MAX_SAFE_INTEGER : parseWebhookThenCursor(cursor);
    const found = this.#event.get(accountId, toKey(id));
    if (!found) return undefined;
    const { accountVersion, ...event } = found;

    const key = toKey(id);
    const values = [key, accountId, key, accountVersion, accountId, before, limit + 1];
    const rows = this.#webhooks.all(...values);
    const webhooks = pageOf(rows.map(toWebhookThen), limit, ({ id: last }) =>
      webhookThenCursor(last),
    );
    return { event: toMatchable(event), webhooks };
  }
}

function toWebhookThen(row: WebhookThenRow): WebhookThen {
  const state = row.status && {
    id: row.id,
    association: row.association,
    targetId: row.target_id,
    status: row.status,
    eventTypeMap: fromJson(row.event_type_map),
    categoryIdMap: fromJson(row.category_id_map),
  };
  return { id: row.id, name: row.name, state, hasDelivery: row.has_delivery === 1 };
}
