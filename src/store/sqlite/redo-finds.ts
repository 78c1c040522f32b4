import type Database from 'better-sqlite3';
import { ENDED_STATUSES, type EndedStatus } from '../../domain/delivery.ts';
import { firstEventIdAt, type EventId } from '../../domain/ids.ts';
import { mismatch } from '../../domain/match.ts';
import type { Redo } from '../../domain/redo.ts';
import {
  CAMPAIGN_LEVEL,
  CLIENT_LEVEL,
  type AssociationType,
  type Subscription,
} from '../../domain/webhook.ts';
import { OPERATIONAL_BODY, toMatchable, type MatchedRow } from '../matched-event.ts';
import { redoOf, type RedoColumns } from '../redo-rows.ts';
import type { RedoSet } from '../redo-store.ts';
import { toKey } from './event-key.ts';
import { fromJson } from './webhook-rows.ts';

/** Its list is stored as JSON. */
export type RedoRow = RedoColumns<Buffer, string>;

export function toRedo(row: RedoRow): Redo {
  return redoOf({ ...row, statuses: JSON.parse(row.statuses) as EndedStatus[] });
}

export interface EndedRow {
  readonly event_id: Buffer;
  readonly webhook_version: number;
  readonly attempt_count: number;
  readonly created_at: number;
}

/** An event without its body. */
export interface MissedEvent {
  readonly id: Buffer;
  readonly lead: string | null;
}

interface EventRow extends MissedEvent, MatchedRow {}

/** What a backfill goes by. */
interface Definition {
  readonly subscription: Subscription;
  readonly accountVersion: number;
}

/** One status at a time, since a webhook's ended deliveries lie by status. */
const ENDED = `
  SELECT event_id, webhook_version, attempt_count, created_at
  FROM delivery INDEXED BY delivery_by_webhook
  WHERE webhook_id = ? AND status = ? AND event_id > ? AND event_id < ? AND after_redo < ?
  ORDER BY event_id LIMIT ?`;

const EVENT_COLUMNS = `id, type, campaign_id AS campaignId, client_id AS clientId,
  category_id AS categoryId, lead, ${OPERATIONAL_BODY} AS body`;
const OF_RANGE = 'id > ? AND id < ? AND account_version <= ? ORDER BY id LIMIT ?';

/** By the webhook's scope: each index ends with the event's id. */
const EVENTS = {
  all: `SELECT ${EVENT_COLUMNS} FROM event WHERE account_id = ? AND ${OF_RANGE}`,
  client: `SELECT ${EVENT_COLUMNS} FROM event INDEXED BY event_by_client
    WHERE account_id = ? AND client_id = ? AND client_id IS NOT NULL AND ${OF_RANGE}`,
  campaign: `SELECT ${EVENT_COLUMNS} FROM event INDEXED BY event_by_campaign
    WHERE account_id = ? AND campaign_id = ? AND ${OF_RANGE}`,
} as const;

const HAS_DELIVERY = `
  SELECT EXISTS (SELECT 1 FROM queue WHERE webhook_id = ? AND event_id = ?)
    OR EXISTS (SELECT 1 FROM delivery WHERE account_id = ? AND event_id = ? AND webhook_id = ?)`;

/** As the webhook is now (version null), or was when the redo was asked for. */
const DEFINITION = `
  SELECT w.association, w.target_id, v.event_type_map, v.category_id_map,
    coalesce(?, (SELECT version FROM account WHERE id = w.account_id)) AS account_version
  FROM webhook w
  JOIN webhook_version v ON v.webhook_id = w.id AND v.version = coalesce(?, w.version)
  WHERE w.id = ?`;

interface DefinitionRow {
  readonly association: AssociationType;
  readonly target_id: number | null;
  readonly event_type_map: string | null;
  readonly category_id_map: string | null;
  readonly account_version: number;
}

/** What a redo is about, page by page in order of acceptance: for counting and for its steps. */
export class RedoFinds {
  readonly #redo: Database.Statement<[number], RedoRow>;
  readonly #ended: Database.Statement<unknown[], EndedRow>;
  readonly #events: Readonly<Record<keyof typeof EVENTS, Database.Statement<unknown[], EventRow>>>;
  readonly #hasDelivery: Database.Statement<unknown[], number>;
  readonly #definition: Database.Statement<unknown[], DefinitionRow>;

  constructor(database: Database.Database) {
    this.#redo = database.prepare('SELECT * FROM redo WHERE id = ?');
    this.#ended = database.prepare(ENDED);
    this.#events = {
      all: database.prepare(EVENTS.all),
      client: database.prepare(EVENTS.client),
      campaign: database.prepare(EVENTS.campaign),
    };
    this.#hasDelivery = database.prepare<unknown[], number>(HAS_DELIVERY).pluck();
    this.#definition = database.prepare(DEFINITION);
  }

  redo(id: number): RedoRow | undefined {
    return this.#redo.get(id);
  }

  /** The next ended deliveries of a replay. */
  ended(set: RedoSet, after: EventId | null, limit: number): EndedRow[] {
    const [from, to] = rangeOf(set, after);
    const before = set.id ?? Number.MAX_SAFE_INTEGER;
    return ENDED_STATUSES.filter((status) => set.statuses.includes(status))
      .flatMap((status) => this.#ended.all(set.webhookId, status, from, to, before, limit))
      .toSorted((a, b) => Buffer.compare(a.event_id, b.event_id))
      .slice(0, limit);
  }

  /** Of the next events those that a backfill makes a delivery for; `last`: null where there are no more. */
  missed(
    set: RedoSet,
    after: EventId | null,
    limit: number,
  ): { readonly missed: MissedEvent[]; readonly last: Buffer | null } {
    const definition = this.#definitionOf(set);
    const events = this.#eventsOf(set, definition, after, limit);
    const missed = events.filter(
      (event) => fits(event, definition) && !this.#delivers(set, event.id),
    );
    return { missed, last: events.length < limit ? null : (events.at(-1)?.id ?? null) };
  }

  #eventsOf(
    set: RedoSet,
    { subscription, accountVersion }: Definition,
    after: EventId | null,
    limit: number,
  ): EventRow[] {
    const { association, targetId } = subscription;
    const rest = [...rangeOf(set, after), accountVersion, limit];
    if (association === CLIENT_LEVEL) {
      return this.#events.client.all(set.accountId, targetId, ...rest);
    }
    return association === CAMPAIGN_LEVEL
      ? this.#events.campaign.all(set.accountId, targetId, ...rest)
      : this.#events.all.all(set.accountId, ...rest);
  }

  #definitionOf({ id, webhookId }: RedoSet): Definition {
    const redo = id === null ? undefined : this.#redo.get(id);
    const versions = [redo?.account_version ?? null, redo?.webhook_version ?? null];
    const row = this.#definition.get(...versions, webhookId);
    if (!row) throw new Error(`There is no webhook ${webhookId}`);
    const subscription: Subscription = {
      id: webhookId,
      association: row.association,
      targetId: row.target_id,
      eventTypeMap: fromJson(row.event_type_map),
      categoryIdMap: fromJson(row.category_id_map),
      status: 'active',
    };
    return { subscription, accountVersion: row.account_version };
  }

  #delivers({ accountId, webhookId }: RedoSet, key: Buffer): boolean {
    return this.#hasDelivery.get(webhookId, key, accountId, key, webhookId) === 1;
  }
}

function fits(event: EventRow, { subscription }: Definition): boolean {
  return mismatch(toMatchable(event), subscription) === null;
}

/** Ids of events are never the first one of a millisecond: after it means from it on. */
function rangeOf({ from, to }: RedoSet, after: EventId | null): [Buffer, Buffer] {
  return [toKey(after ?? firstEventIdAt(from)), toKey(firstEventIdAt(to))];
}
