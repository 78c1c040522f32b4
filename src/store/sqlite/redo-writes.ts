import type Database from 'better-sqlite3';
import { orderingKey } from '../../domain/event.ts';
import type { DeliveryKey } from '../../domain/ids.ts';
import { mostDue, type NewRedo, type Redo } from '../../domain/redo.ts';
import { ONE_ATTEMPT } from '../../domain/retry.ts';
import { shardOf } from '../../domain/shard.ts';
import type { Webhook } from '../../domain/webhook.ts';
import { isStopped } from '../../domain/webhook-status.ts';
import type { CreateRedoResult, RedoStep, RetryResult } from '../redo-store.ts';
import { fromKey, toKey } from './event-key.ts';
import { RedoFinds, toRedo, type EndedRow, type RedoRow } from './redo-finds.ts';
import type { WebhookRows } from './webhook-rows.ts';

/** Events that one step of a backfill looks at, at most: most of them may not fit. */
const EVENTS_AT_A_TIME = 1_000;

const NOTHING: RedoStep = { putBack: 0, ended: false };

interface NewPending extends Omit<EndedRow, 'event_id'> {
  readonly key: Buffer;
  readonly schedule_base: number;
}

/** Putting back what has ended, and making what was missed. Each is called inside a transaction of its own. */
export class RedoWrites {
  readonly #database: Database.Database;
  readonly #webhooks: WebhookRows;
  readonly #finds: RedoFinds;
  readonly #statements = new Map<string, Database.Statement>();

  constructor(database: Database.Database, webhooks: WebhookRows) {
    this.#database = database;
    this.#webhooks = webhooks;
    this.#finds = new RedoFinds(database);
  }

  retryDelivery(accountId: number, { eventId, webhookId }: DeliveryKey): RetryResult | undefined {
    const webhook = this.#webhooks.get(webhookId);
    if (webhook?.accountId !== accountId) return undefined;
    const key = toKey(eventId);
    const [pending] = this.#all('SELECT 1 FROM queue WHERE webhook_id = ? AND event_id = ?', [
      webhookId,
      key,
    ]);
    if (pending) return { kind: 'pending' };
    const [ended] = this.#all<EndedRow>(
      `SELECT event_id, webhook_version, attempt_count, created_at FROM delivery
       WHERE account_id = ? AND event_id = ? AND webhook_id = ?`,
      [accountId, key, webhookId],
    );
    if (!ended) return undefined;
    if (isStopped(webhook)) return { kind: 'stopped', status: webhook.status };
    this.#putBack(webhook, [ended], () => ONE_ATTEMPT);
    return { kind: 'put_back' };
  }

  createRedo(given: NewRedo): CreateRedoResult | undefined {
    const { accountId, webhookId, kind, from, to, statuses } = given;
    const webhook = this.#webhooks.get(webhookId);
    if (webhook?.accountId !== accountId) return undefined;
    if (isStopped(webhook)) return { kind: 'stopped', status: webhook.status };
    const [row] = this.#all<RedoRow>(
      `INSERT INTO redo (account_id, webhook_id, kind, webhook_version, account_version, from_at,
         to_at, statuses, status, put_back, created_at)
       VALUES (?, ?, ?, ?, (SELECT version FROM account WHERE id = ?), ?, ?, ?, 'running', 0, ?)
       RETURNING *`,
      [
        accountId,
        webhookId,
        kind,
        webhook.version,
        accountId,
        from,
        to,
        JSON.stringify(statuses),
        Date.now(),
      ],
    );
    if (!row) throw new Error('A redo was noted and is not there');
    this.#run('UPDATE shard SET redo_id = ? WHERE id = ?', [row.id, shardOf(webhookId)]);
    return { kind: 'created', redo: toRedo(row) };
  }

  startRedo(id: number, count: number): number {
    this.#run('UPDATE redo SET total = ? WHERE id = ? AND total IS NULL', [count, id]);
    return this.#finds.redo(id)?.total ?? count;
  }

  stepRedo({ id, webhookId }: Pick<Redo, 'id' | 'webhookId'>, slots?: number): RedoStep {
    const redo = this.#finds.redo(id);
    if (!redo || redo.ended_at !== null) return { putBack: 0, ended: true };
    const webhook = this.#webhooks.get(webhookId);
    if (!webhook || isStopped(webhook)) return this.#end(redo, 'canceled');
    if (redo.total === null || !this.#isOldest(redo)) return NOTHING;
    const room = mostDue(webhook, slots) - this.#due(webhookId);
    if (room <= 0) return NOTHING;
    return redo.kind === 'replay'
      ? this.#replay(redo, webhook, room)
      : this.#backfill(redo, webhook, room);
  }

  #replay(redo: RedoRow, webhook: Webhook, room: number): RedoStep {
    const rows = this.#finds.ended(toRedo(redo), cursorOf(redo), room);
    this.#putBack(webhook, rows, ({ attempt_count: attempts }) => attempts);
    return this.#moved(redo, rows.length, rows.length < room ? null : rows.at(-1)?.event_id);
  }

  #backfill(redo: RedoRow, webhook: Webhook, room: number): RedoStep {
    const found = this.#finds.missed(toRedo(redo), cursorOf(redo), EVENTS_AT_A_TIME);
    const taken = found.missed.slice(0, room);
    const now = Date.now();
    for (const { id: key } of taken) {
      const { webhook_version } = redo;
      const fresh = { webhook_version, attempt_count: 0, created_at: now, schedule_base: 0 };
      this.#insertPending(webhook, { key, ...fresh }, now);
    }
    const last = taken.length < found.missed.length ? taken.at(-1)?.id : found.last;
    return this.#moved(redo, taken.length, last);
  }

  #putBack(webhook: Webhook, rows: readonly EndedRow[], baseOf: (row: EndedRow) => number): void {
    const now = Date.now();
    for (const { event_id: key, ...row } of rows) {
      this.#run('DELETE FROM delivery WHERE account_id = ? AND event_id = ? AND webhook_id = ?', [
        webhook.accountId,
        key,
        webhook.id,
      ]);
      const schedule_base = baseOf({ event_id: key, ...row });
      this.#insertPending(webhook, { key, ...row, schedule_base }, now);
    }
  }

  #insertPending({ id, accountId, ordering }: Webhook, pending: NewPending, now: number): void {
    const { key, webhook_version, attempt_count, created_at, schedule_base } = pending;
    this.#run(
      `INSERT INTO queue (account_id, event_id, webhook_id, webhook_version, attempt_count,
         next_attempt_at, created_at, schedule_base, ordering_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        accountId,
        key,
        id,
        webhook_version,
        attempt_count,
        now,
        created_at,
        schedule_base,
        ordering === 'none' ? null : this.#orderingKey(accountId, key),
      ],
    );
  }

  #orderingKey(accountId: number, key: Buffer): string {
    const [event] = this.#all<{ lead: string | null }>(
      'SELECT lead FROM event WHERE account_id = ? AND id = ?',
      [accountId, key],
    );
    return orderingKey({ id: fromKey(key), leadEmail: event?.lead ?? null });
  }

  /** @param cursor the last event that was looked at; nothing: there is none after it */
  #moved(redo: RedoRow, putBack: number, cursor: Buffer | null | undefined): RedoStep {
    this.#run(
      'UPDATE redo SET put_back = put_back + ?, cursor = coalesce(?, cursor) WHERE id = ?',
      [putBack, cursor ?? null, redo.id],
    );
    if (cursor) return { putBack, ended: false };
    return { ...this.#end(redo, 'done'), putBack };
  }

  #end({ id }: RedoRow, status: 'done' | 'canceled'): RedoStep {
    this.#run('UPDATE redo SET status = ?, ended_at = ? WHERE id = ?', [status, Date.now(), id]);
    return { putBack: 0, ended: true };
  }

  #isOldest({ id, webhook_id: webhookId }: RedoRow): boolean {
    const [older] = this.#all(
      'SELECT 1 FROM redo WHERE webhook_id = ? AND id < ? AND ended_at IS NULL LIMIT 1',
      [webhookId, id],
    );
    return older === undefined;
  }

  #due(webhookId: number): number {
    const [due] = this.#all<{ count: number }>(
      `SELECT count(*) AS count FROM
         (SELECT 1 FROM queue WHERE webhook_id = ? AND next_attempt_at <= ? LIMIT 1000)`,
      [webhookId, Date.now()],
    );
    return due?.count ?? 0;
  }

  #all<Row = unknown>(sql: string, values: readonly unknown[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }

  #run(sql: string, values: readonly unknown[]): void {
    this.#statement(sql).run(...values);
  }

  /** A step runs two of them for each delivery. */
  #statement(sql: string): Database.Statement {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function cursorOf({ cursor }: RedoRow): ReturnType<typeof fromKey> | null {
  return cursor && fromKey(cursor);
}
