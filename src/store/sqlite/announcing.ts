import type Database from 'better-sqlite3';
import { NO_ATTEMPTS_LEFT, OUTLIVED_RETENTION } from '../../domain/announcement.ts';
import type { OperationalEventType } from '../../domain/event.ts';
import type { Announced } from '../health-store.ts';
import { OPERATIONAL_TYPES } from '../matched-event.ts';
import type { Accepting } from './accepting.ts';

/** An operational event that could not be delivered is not worth another one: they would go on for ever. */
const NO_OPERATIONAL = `e.type NOT IN (${OPERATIONAL_TYPES})`;

const GIVEN_UP = `INSERT INTO announcement (account_id, webhook_id, type, at, reason, event_id,
    event_type, campaign_id, client_id, attempt_count)`;

/** Writes down what is to become an operational event, inside the transaction in which it happens. */
export class Announcing {
  readonly #announce: Database.Statement;
  readonly #announceExhausted: Database.Statement;
  readonly #announceExpired: Database.Statement;
  readonly #strikeOut: Database.Statement<[number]>;
  readonly #version: Database.Statement<[number], number>;

  constructor(database: Database.Database) {
    this.#announce = database.prepare(
      'INSERT INTO announcement (account_id, webhook_id, type, at, reason) VALUES (?, ?, ?, ?, ?)',
    );
    this.#announceExhausted = database.prepare(
      `${GIVEN_UP}
       SELECT e.account_id, ?, 'DELIVERY_EXHAUSTED', ?, '${NO_ATTEMPTS_LEFT}', e.id, e.type,
         e.campaign_id, e.client_id, ?
       FROM event e WHERE e.account_id = ? AND e.id = ? AND ${NO_OPERATIONAL}`,
    );
    this.#announceExpired = database.prepare(
      `${GIVEN_UP}
       SELECT e.account_id, q.webhook_id, 'DELIVERY_EXHAUSTED', ?, '${OUTLIVED_RETENTION}', e.id,
         e.type, e.campaign_id, e.client_id, q.attempt_count
       FROM event e CROSS JOIN queue q ON q.account_id = e.account_id AND q.event_id = e.id
       WHERE e.account_id = ? AND e.id = ? AND ${NO_OPERATIONAL}`,
    );
    this.#strikeOut = database.prepare('DELETE FROM announcement WHERE id = ?');
    this.#version = database
      .prepare<[number], number>('SELECT version FROM account WHERE id = ?')
      .pluck();
  }

  webhook(
    { accountId, webhookId }: { readonly accountId: number; readonly webhookId: number },
    type: OperationalEventType,
    at: number,
    reason: string | null = null,
  ): void {
    this.#announce.run(accountId, webhookId, type, at, reason);
  }

  exhausted(
    { accountId, webhookId }: { readonly accountId: number; readonly webhookId: number },
    key: Buffer,
    at: number,
    attemptCount: number,
  ): void {
    this.#announceExhausted.run(webhookId, at, attemptCount, accountId, key);
  }

  /** The deliveries of an event that are pending still. */
  expired(accountId: number, key: Buffer, at: number): void {
    this.#announceExpired.run(at, accountId, key);
  }

  /** See `HealthStore`. */
  accept(
    accepting: Accepting,
    accountId: number,
    accountVersion: number,
    announced: readonly Announced[],
  ): boolean {
    if (this.#version.get(accountId) !== accountVersion) return false;
    const accepted = announced.flatMap(({ announcementId, accept }) => {
      const { changes } = this.#strikeOut.run(announcementId);
      return changes > 0 && accept ? [{ ...accept, accountVersion }] : [];
    });
    accepting.accept(accepted);
    return true;
  }
}
