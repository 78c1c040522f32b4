import { ENDED_STATUSES } from '../../domain/delivery.ts';
import { firstEventIdAt, type EventId } from '../../domain/ids.ts';
import { mismatch } from '../../domain/match.ts';
import {
  CAMPAIGN_LEVEL,
  CLIENT_LEVEL,
  type AssociationType,
  type Subscription,
  type WebhookDefinition,
} from '../../domain/webhook.ts';
import { OPERATIONAL_BODY, toMatchable, type MatchedRow } from '../matched-event.ts';
import type { RedoColumns } from '../redo-rows.ts';
import type { RedoSet } from '../redo-store.ts';
import { fromUuid, textArray, toUuid, uuidArray } from './arrays.ts';
import { lookUp } from './look-up.ts';
import type { Session } from './session.ts';

export type RedoRow = RedoColumns<string>;

/** One status at a time, since a webhook's ended deliveries lie by status. */
const ENDED = {
  name: 'redo_ended',
  text: `SELECT event_id FROM (${ENDED_STATUSES.map(
    (status) => `(SELECT event_id FROM delivery
      WHERE webhook_id = $1 AND status = '${status}' AND '${status}' = ANY ($2::text[])
        AND event_id > $3::uuid AND event_id < $4::uuid AND after_redo < $5
      ORDER BY event_id LIMIT $6)`,
  ).join(' UNION ALL ')}) AS ended ORDER BY event_id LIMIT $6`,
};

const REDO = { name: 'redo', text: 'SELECT * FROM redo WHERE id = $1' };

/** By the webhook's scope: each index ends with the event's id. */
function events(scope: string, condition: string): { name: string; text: string } {
  return {
    name: `redo_events_${scope}`,
    text: `SELECT id, type, campaign_id AS "campaignId", client_id AS "clientId",
        category_id AS "categoryId", ${OPERATIONAL_BODY} AS body FROM event
      WHERE account_id = $1 ${condition} AND id > $2::uuid AND id < $3::uuid
        AND account_version <= $4
      ORDER BY account_id, ${condition === '' ? '' : `${scope}_id, `}id LIMIT $5`,
  };
}

const EVENTS = {
  all: events('all', ''),
  client: events('client', 'AND client_id = $6 AND client_id IS NOT NULL'),
  campaign: events('campaign', 'AND campaign_id = $6'),
} as const;

/** Of these events those that have no delivery to the webhook. */
const WITHOUT_DELIVERY = {
  name: 'redo_without_delivery',
  text: `SELECT g.id FROM unnest($3::uuid[]) WITH ORDINALITY AS g (id, i)
    WHERE (SELECT true FROM queue WHERE webhook_id = $2 AND event_id = g.id) IS NULL
      AND (SELECT true FROM delivery
           WHERE account_id = $1 AND event_id = g.id AND webhook_id = $2) IS NULL
    ORDER BY g.i`,
};

/** As the webhook is now (version null), or was when the redo was asked for. */
const DEFINITION = {
  name: 'redo_definition',
  text: `SELECT w.association, w.target_id, v.event_type_map, v.category_id_map,
      coalesce($3, (SELECT version FROM account WHERE id = w.account_id)) AS account_version
    FROM webhook w JOIN webhook_version v
      ON ${lookUp('v.webhook_id', 'w.id')} AND v.version = coalesce($2, w.version)
    WHERE w.id = $1`,
};

interface EventRow extends MatchedRow {
  readonly id: string;
}

interface DefinitionRow {
  readonly association: AssociationType;
  readonly target_id: number | null;
  readonly event_type_map: WebhookDefinition['eventTypeMap'];
  readonly category_id_map: WebhookDefinition['categoryIdMap'];
  readonly account_version: number;
}

export async function findRedo(session: Session, id: number): Promise<RedoRow | undefined> {
  return (await session.query<RedoRow>(REDO, [id]))[0];
}

/** The events of the next ended deliveries of a replay, in order of acceptance. */
export async function findEnded(
  session: Session,
  set: RedoSet,
  after: EventId | null,
  limit: number,
): Promise<EventId[]> {
  const before = set.id ?? Number.MAX_SAFE_INTEGER;
  const statuses = textArray(set.statuses);
  const values = [set.webhookId, statuses, ...rangeOf(set, after), before, limit];
  const rows = await session.query<{ event_id: string }>(ENDED, values);
  return rows.map(({ event_id: id }) => fromUuid(id));
}

/** Of the next events those that a backfill makes a delivery for; `last`: null where there are no more. */
export async function findMissed(
  session: Session,
  set: RedoSet,
  after: EventId | null,
  limit: number,
): Promise<{ readonly missed: readonly EventId[]; readonly last: EventId | null }> {
  const row = await definitionOf(session, set);
  const rows = await eventsOf(session, set, row, after, limit);
  const subscription = subscriptionOf(set.webhookId, row);
  const fitting = rows.filter((event) => fits(event, subscription)).map(({ id }) => fromUuid(id));
  const end = rows.at(-1);
  return {
    missed: fitting.length === 0 ? [] : await withoutDelivery(session, set, fitting),
    last: rows.length < limit || !end ? null : fromUuid(end.id),
  };
}

async function eventsOf(
  session: Session,
  set: RedoSet,
  { association, target_id: targetId, account_version: accountVersion }: DefinitionRow,
  after: EventId | null,
  limit: number,
): Promise<EventRow[]> {
  const values = [set.accountId, ...rangeOf(set, after), accountVersion, limit];
  if (association === CLIENT_LEVEL) return session.query(EVENTS.client, [...values, targetId]);
  return association === CAMPAIGN_LEVEL
    ? session.query(EVENTS.campaign, [...values, targetId])
    : session.query(EVENTS.all, values);
}

async function withoutDelivery(
  session: Session,
  { accountId, webhookId }: RedoSet,
  ids: readonly EventId[],
): Promise<EventId[]> {
  const values = [accountId, webhookId, uuidArray(ids)];
  const rows = await session.query<{ id: string }>(WITHOUT_DELIVERY, values);
  return rows.map(({ id }) => fromUuid(id));
}

async function definitionOf(session: Session, { id, webhookId }: RedoSet): Promise<DefinitionRow> {
  const redo = id === null ? undefined : await findRedo(session, id);
  const values = [webhookId, redo?.webhook_version ?? null, redo?.account_version ?? null];
  const [row] = await session.query<DefinitionRow>(DEFINITION, values);
  if (!row) throw new Error(`There is no webhook ${webhookId}`);
  return row;
}

function subscriptionOf(id: number, row: DefinitionRow): Subscription {
  return {
    id,
    association: row.association,
    targetId: row.target_id,
    eventTypeMap: row.event_type_map,
    categoryIdMap: row.category_id_map,
    status: 'active',
  };
}

function fits(event: EventRow, subscription: Subscription): boolean {
  return mismatch(toMatchable(event), subscription) === null;
}

/** Ids of events are never the first one of a millisecond: after it means from it on. */
function rangeOf({ from, to }: RedoSet, after: EventId | null): [string, string] {
  return [toUuid(after ?? firstEventIdAt(from)), toUuid(firstEventIdAt(to))];
}
