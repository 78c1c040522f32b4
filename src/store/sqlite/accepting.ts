import type Database from 'better-sqlite3';
import { leadKey, NO_CAMPAIGN, orderingKey } from '../../domain/event.ts';
import { acceptedAt, type EventId } from '../../domain/ids.ts';
import type { AcceptEntry, AcceptResult } from '../store.ts';
import { fromKey, toKey } from './event-key.ts';
import type { Registrar } from './registrar.ts';
import { RowInserts } from './row-inserts.ts';

const EVENT = [
  'account_id',
  'id',
  'type',
  'campaign_id',
  'client_id',
  'lead_email',
  'lead',
  'category_id',
  'account_version',
  'caller_event_id',
  'body',
];
const KNOWN = `ON CONFLICT (account_id, caller_event_id) WHERE caller_event_id IS NOT NULL DO NOTHING`;
const PENDING = [
  'account_id',
  'event_id',
  'webhook_id',
  'webhook_version',
  'attempt_count',
  'next_attempt_at',
  'created_at',
  'ordering_key',
];

/** An event on its way in. */
interface Incoming extends AcceptEntry {
  readonly key: Buffer;
}

/** Stores accepted events with their deliveries, inside the commit's transaction. */
export class Accepting {
  readonly #registrar: Registrar;
  readonly #version: Database.Statement<[number], number>;
  readonly #events: RowInserts;
  readonly #queue: RowInserts;
  readonly #byCallerId: Database.Statement<[number, string], Buffer>;
  readonly #countDeliveries: Database.Statement<unknown[], number>;

  constructor(database: Database.Database, registrar: Registrar) {
    this.#registrar = registrar;
    this.#version = database
      .prepare<[number], number>('SELECT version FROM account WHERE id = ?')
      .pluck();
    this.#events = new RowInserts(database, 'event', EVENT, KNOWN);
    this.#queue = new RowInserts(database, 'queue', PENDING);
    this.#byCallerId = database
      .prepare<[number, string], Buffer>(
        'SELECT id FROM event WHERE account_id = ? AND caller_event_id = ?',
      )
      .pluck();
    this.#countDeliveries = database
      .prepare<unknown[], number>(
        `SELECT (SELECT count(*) FROM queue WHERE account_id = @accountId AND event_id = @key) +
                (SELECT count(*) FROM delivery WHERE account_id = @accountId AND event_id = @key)`,
      )
      .pluck();
  }

  /** @returns what became of each */
  accept(entries: readonly AcceptEntry[]): AcceptResult[] {
    const versions = new Map<number, number | undefined>();
    const isCurrent = ({ event: { accountId }, accountVersion }: AcceptEntry): boolean => {
      if (!versions.has(accountId)) versions.set(accountId, this.#version.get(accountId));
      return versions.get(accountId) === accountVersion;
    };
    const current = entries.map((entry) => (isCurrent(entry) ? incoming(entry) : null));
    const incomings = current.filter((entry) => entry !== null);
    const known = this.#storeEvents(incomings);
    this.#storeDeliveries(incomings.filter((entry) => !known.has(entry)));
    return current.map((entry): AcceptResult => {
      if (entry === null) return { kind: 'stale' };
      const eventId = known.get(entry);
      // Counted when all are stored: the first of both may be of this same batch.
      return eventId === undefined ? { kind: 'accepted' } : this.#duplicate(entry, eventId);
    });
  }

  /** @returns the ids of the stored ones that were known before them, for those that are not stored by this */
  #storeEvents(entries: readonly Incoming[]): ReadonlyMap<Incoming, EventId> {
    const values: unknown[] = [];
    for (const { event, accountVersion, key } of entries) {
      values.push(
        event.accountId,
        key,
        event.type,
        event.campaignId,
        event.clientId,
        event.leadEmail,
        event.leadEmail && leadKey(event.leadEmail),
        event.categoryId,
        accountVersion,
        event.callerEventId,
        event.body,
      );
    }
    const known = new Map<Incoming, EventId>();
    if (this.#events.write(values) === entries.length) return known;
    for (const entry of entries) {
      const stored = this.#storedAs(entry.event);
      if (stored !== entry.event.id) known.set(entry, stored);
    }
    return known;
  }

  #storeDeliveries(entries: readonly Incoming[]): void {
    const values: unknown[] = [];
    for (const { event, deliveries, key } of entries) {
      const { accountId, campaignId } = event;
      const now = acceptedAt(event.id);
      for (const { webhookId, webhookVersion, inOrder } of deliveries) {
        const turn = inOrder === true ? orderingKey(event) : null;
        values.push(accountId, key, webhookId, webhookVersion, 0, now, now, turn);
      }
      if (campaignId !== NO_CAMPAIGN) {
        this.#registrar.register('campaign', accountId, campaignId, now);
      }
      this.#registrar.register('client', accountId, event.clientId, now);
      this.#registrar.register('category', accountId, event.categoryId, now);
    }
    this.#queue.write(values);
  }

  /** The stored event with the same id of the caller's own; without one it is itself. */
  #storedAs({ id, accountId, callerEventId }: AcceptEntry['event']): EventId {
    if (callerEventId === null) return id;
    const key = this.#byCallerId.get(accountId, callerEventId);
    if (!key) throw new Error('An event is known and is not there');
    return fromKey(key);
  }

  #duplicate({ event: { accountId } }: Incoming, eventId: EventId): AcceptResult {
    const deliveries = this.#countDeliveries.get({ accountId, key: toKey(eventId) }) ?? 0;
    return { kind: 'duplicate', eventId, deliveries };
  }
}

function incoming({ event, accountVersion, deliveries }: AcceptEntry): Incoming {
  return { event, accountVersion, deliveries, key: toKey(event.id) };
}
