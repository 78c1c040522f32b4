import type Database from 'better-sqlite3';
import { leadKey, NO_CAMPAIGN, orderingKey } from '../../domain/event.ts';
import { acceptedAt } from '../../domain/ids.ts';
import type { AcceptEntry, AcceptResult } from '../store.ts';
import { fromKey, toKey } from './event-key.ts';
import type { Registrar } from './registrar.ts';
import { RowInserts } from './row-inserts.ts';

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

/** What one transaction has to remember while it accepts. */
export class AcceptingState {
  /** The accounts' versions that it has read already. */
  readonly versions = new Map<number, number>();
  /** Values of the rows of pending deliveries, to be written together. */
  readonly pending: unknown[] = [];
}

/** Stores accepted events with their deliveries, inside the commit's transaction. */
export class Accepting {
  readonly #registrar: Registrar;
  readonly #version: Database.Statement<[number], number>;
  readonly #insertEvent: Database.Statement;
  readonly #queue: RowInserts;
  readonly #known: Database.Statement<[number, string], Buffer>;
  readonly #countDeliveries: Database.Statement<unknown[], number>;

  constructor(database: Database.Database, registrar: Registrar) {
    this.#registrar = registrar;
    this.#version = database
      .prepare<[number], number>('SELECT version FROM account WHERE id = ?')
      .pluck();
    this.#insertEvent = database.prepare(
      `INSERT INTO event (account_id, id, type, campaign_id, client_id, lead_email, lead,
         category_id, account_version, caller_event_id, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (account_id, caller_event_id) WHERE caller_event_id IS NOT NULL DO NOTHING`,
    );
    this.#queue = new RowInserts(database, 'queue', PENDING);
    this.#known = database
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

  accept(entry: AcceptEntry, state: AcceptingState): AcceptResult {
    const { event, accountVersion, deliveries } = entry;
    const { accountId } = event;
    if (this.#versionOf(accountId, state) !== accountVersion) return { kind: 'stale' };
    const key = toKey(event.id);
    const { changes } = this.#insertEvent.run(
      accountId,
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
    if (changes === 0) return this.#duplicate(accountId, event.callerEventId ?? '', state);
    const now = acceptedAt(event.id);
    for (const { webhookId, webhookVersion, inOrder } of deliveries) {
      const turn = inOrder === true ? orderingKey(event) : null;
      state.pending.push(accountId, key, webhookId, webhookVersion, 0, now, now, turn);
    }
    if (event.campaignId !== NO_CAMPAIGN) {
      this.#registrar.register('campaign', accountId, event.campaignId, now);
    }
    this.#registrar.register('client', accountId, event.clientId, now);
    this.#registrar.register('category', accountId, event.categoryId, now);
    return { kind: 'accepted' };
  }

  /** Writes the rows that have gathered. */
  finish({ pending }: AcceptingState): void {
    this.#queue.write(pending);
  }

  #versionOf(accountId: number, { versions }: AcceptingState): number | undefined {
    const read = versions.get(accountId) ?? this.#version.get(accountId);
    if (read !== undefined) versions.set(accountId, read);
    return read;
  }

  #duplicate(accountId: number, callerEventId: string, state: AcceptingState): AcceptResult {
    const key = this.#known.get(accountId, callerEventId);
    if (!key) throw new Error('An event is known and is not there');
    // The first of both may be of this same batch.
    this.finish(state);
    const deliveries = this.#countDeliveries.get({ accountId, key }) ?? 0;
    return { kind: 'duplicate', eventId: fromKey(key), deliveries };
  }
}
