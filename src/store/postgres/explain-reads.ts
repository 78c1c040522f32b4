import type { EventId } from '../../domain/ids.ts';
import type { AssociationType, WebhookDefinition, WebhookStatus } from '../../domain/webhook.ts';
import { OPERATIONAL_BODY, toMatchable, type MatchedRow } from '../matched-event.ts';
import { pageOf, parseWebhookThenCursor, webhookThenCursor } from '../cursor.ts';
import type { WebhooksThen, WebhookThen } from '../explain-store.ts';
import type { PageRequest } from '../store.ts';
import { toUuid } from './arrays.ts';
import type { SessionPool } from './session-pool.ts';

interface WebhookThenRow {
  readonly id: number;
  readonly name: string | null;
  readonly association: AssociationType;
  readonly target_id: number | null;
  /** Null with the two maps where there was no version of it yet. */
  readonly status: WebhookStatus | null;
  readonly event_type_map: WebhookDefinition['eventTypeMap'];
  readonly category_id_map: WebhookDefinition['categoryIdMap'];
  readonly has_delivery: boolean;
}

const MATCHED_EVENT = {
  name: 'matched_event',
  text: `SELECT type, campaign_id AS "campaignId", client_id AS "clientId",
      category_id AS "categoryId", ${OPERATIONAL_BODY} AS body
    FROM event WHERE account_id = $1 AND id = $2::uuid`,
};

/**
 * For each webhook one look-up of the version that held, and one in each table of deliveries. What
 * would read more is written so that it cannot be planned: by `id` alone the order would come from the
 * primary key too, which walks over everybody's webhooks; and EXISTS may read all deliveries of the
 * event into a table first.
 */
const WEBHOOKS_THEN = {
  name: 'webhooks_then',
  text: `SELECT w.id, n.name, w.association, w.target_id, v.status, v.event_type_map,
      v.category_id_map,
      coalesce((SELECT true FROM queue WHERE webhook_id = w.id AND event_id = $2::uuid),
        (SELECT true FROM delivery
         WHERE account_id = $1 AND event_id = $2::uuid AND webhook_id = w.id), false) AS has_delivery
    FROM webhook w
    JOIN webhook_version n ON n.webhook_id = w.id AND n.version = w.version
    LEFT JOIN LATERAL (
      SELECT status, event_type_map, category_id_map FROM webhook_version
      WHERE webhook_id = w.id
        AND version <= (SELECT account_version FROM event WHERE account_id = $1 AND id = $2::uuid)
      ORDER BY version DESC LIMIT 1) v ON true
    WHERE w.account_id >= $1 AND (w.account_id, w.id) < ($1, $3)
    ORDER BY w.account_id DESC, w.id DESC LIMIT $4`,
};

/** What explaining reads: webhooks as they were when an event was matched. */
export class ExplainReads {
  readonly #pool: SessionPool;

  constructor(pool: SessionPool) {
    this.#pool = pool;
  }

  async webhooksThen(
    accountId: number,
    id: EventId,
    { limit, cursor }: PageRequest,
  ): Promise<WebhooksThen | undefined> {
    const before = cursor === null ? Number.MAX_SAFE_INTEGER : parseWebhookThenCursor(cursor);
    const key = toUuid(id);
    const [[event], rows] = await this.#pool.snapshot((session) => [
      session.query<MatchedRow>(MATCHED_EVENT, [accountId, key]),
      session.query<WebhookThenRow>(WEBHOOKS_THEN, [accountId, key, before, limit + 1]),
    ]);
    if (!event) return undefined;
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
    eventTypeMap: row.event_type_map,
    categoryIdMap: row.category_id_map,
  };
  return { id: row.id, name: row.name, state, hasDelivery: row.has_delivery };
}
