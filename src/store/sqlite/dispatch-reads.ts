import type Database from 'better-sqlite3';
import type { PendingDelivery } from '../../domain/delivery.ts';
import type { EventId } from '../../domain/ids.ts';
import { ONE_ATTEMPT } from '../../domain/retry.ts';
import { shardOf } from '../../domain/shard.ts';
import type { AccountSnapshot, DuePage } from '../store.ts';
import { Vault } from '../vault.ts';
import { DueInOrder } from './due-in-order.ts';
import { fromKey } from './event-key.ts';
import { toPending, type BodyRow, type QueueRow } from '../queue-rows.ts';
import { toWebhook, WEBHOOK_COLUMNS, WEBHOOK_TABLES, type WebhookRow } from './webhook-rows.ts';

/** A page stops at this many characters of bodies: at 256 KiB an event 1,000 rows would be 256 MiB. */
const MAX_PAGE_SIZE = 4 * 1024 * 1024;

interface DueRow extends QueueRow<Buffer>, BodyRow {}

export const DUE = `
  SELECT q.account_id, q.event_id, q.webhook_version, q.attempt_count, q.next_attempt_at,
    q.created_at, q.schedule_base, e.type, e.body
  FROM queue q JOIN event e ON e.account_id = q.account_id AND e.id = q.event_id
  WHERE q.webhook_id = ? AND q.next_attempt_at <= ?
    AND q.event_id NOT IN (SELECT unhex(value) FROM json_each(?))
    AND EXISTS (SELECT 1 FROM webhook w WHERE w.id = q.webhook_id AND w.status = 'active')
  ORDER BY q.next_attempt_at, q.event_id LIMIT ?`;

export const NEXT_DUE = `
  SELECT min(q.next_attempt_at) FROM queue q WHERE q.webhook_id = ? AND q.next_attempt_at > ?
    AND EXISTS (SELECT 1 FROM webhook w WHERE w.id = q.webhook_id AND w.status = 'active')`;

export const RETRIED = `
  SELECT q.account_id, q.event_id, q.webhook_version, q.attempt_count, q.next_attempt_at,
    q.created_at, q.schedule_base, e.type, e.body
  FROM queue q JOIN event e ON e.account_id = q.account_id AND e.id = q.event_id
  WHERE q.webhook_id = ? AND q.event_id IN (SELECT unhex(value) FROM json_each(?))
    AND q.schedule_base = ${ONE_ATTEMPT}
    AND EXISTS (SELECT 1 FROM webhook w WHERE w.id = q.webhook_id AND w.status = 'active')`;

/** Steps from one webhook to the next in the index: 10 look-ups for 10 webhooks, however long the queue. */
export const PENDING_WEBHOOKS = `
  WITH RECURSIVE lane (id) AS (
    SELECT min(webhook_id) FROM queue
    UNION ALL
    SELECT (SELECT min(webhook_id) FROM queue WHERE webhook_id > lane.id)
    FROM lane WHERE lane.id IS NOT NULL
  )
  SELECT w.account_id AS accountId, w.id AS webhookId,
    (SELECT min(next_attempt_at) FROM queue WHERE webhook_id = w.id) AS nextAttemptAt
  FROM lane JOIN webhook w ON w.id = lane.id WHERE w.status = 'active'`;

/** Stopped webhooks whose pending deliveries a crash left uncanceled. */
export const WEBHOOKS_TO_CANCEL = `
  SELECT id FROM webhook INDEXED BY webhook_stopped WHERE status IN ('disabled', 'deleted')
    AND EXISTS (SELECT 1 FROM queue WHERE webhook_id = webhook.id)`;

/** What matching and dispatching read. */
export class DispatchReads {
  readonly #due: Database.Statement<[number, number, string, number], DueRow>;
  readonly #nextDue: Database.Statement<[number, number], number | null>;
  readonly #retried: Database.Statement<[number, string], DueRow>;
  readonly #pendingWebhooks: Database.Statement<
    [],
    { accountId: number; webhookId: number; nextAttemptAt: number }
  >;
  readonly #version: Database.Statement<[number], number>;
  readonly #webhooks: Database.Statement<[number], WebhookRow>;
  readonly #webhooksToCancel: Database.Statement<[], number>;
  readonly #campaignClients: Database.Statement<[number], [number, number]>;

  readonly #inOrder: DueInOrder;

  readonly #vault: Vault;

  constructor(database: Database.Database, vault = new Vault()) {
    this.#vault = vault;
    this.#inOrder = new DueInOrder(database);
    this.#due = database.prepare(DUE);
    this.#nextDue = database.prepare<[number, number], number | null>(NEXT_DUE).pluck();
    this.#retried = database.prepare(RETRIED);
    this.#pendingWebhooks = database.prepare(PENDING_WEBHOOKS);
    this.#version = database
      .prepare<[number], number>('SELECT version FROM account WHERE id = ?')
      .pluck();
    this.#webhooks = database.prepare(
      `SELECT ${WEBHOOK_COLUMNS} FROM ${WEBHOOK_TABLES}
       WHERE w.account_id = ? AND w.status <> 'deleted' ORDER BY w.id`,
    );
    this.#webhooksToCancel = database.prepare<[], number>(WEBHOOKS_TO_CANCEL).pluck();
    this.#campaignClients = database
      .prepare<[number], [number, number]>(
        'SELECT id, client_id FROM campaign WHERE account_id = ? AND client_id IS NOT NULL',
      )
      .raw();
  }

  account(accountId: number): AccountSnapshot {
    const version = this.#version.get(accountId);
    if (version === undefined) throw new Error(`There is no account ${accountId}`);
    return {
      accountId,
      version,
      webhooks: this.#webhooks.all(accountId).map((row) => toWebhook(row, this.#vault)),
      campaignClients: new Map(this.#campaignClients.all(accountId)),
    };
  }

  accountVersions(accountIds: readonly number[]): Map<number, number> {
    return new Map(
      accountIds.flatMap((id) => {
        const version = this.#version.get(id);
        return version === undefined ? [] : [[id, version] as const];
      }),
    );
  }

  pendingWebhooks(
    shards: readonly number[],
  ): { accountId: number; webhookId: number; nextAttemptAt: number }[] {
    const owned = new Set(shards);
    return this.#pendingWebhooks.all().filter(({ webhookId }) => owned.has(shardOf(webhookId)));
  }

  webhooksToCancel(): number[] {
    return this.#webhooksToCancel.all();
  }

  dueInOrder(...of: Parameters<DueInOrder['page']>): DuePage {
    return this.#inOrder.page(...of);
  }

  retried(webhookId: number, eventIds: readonly EventId[]): PendingDelivery[] {
    return this.#retried
      .all(webhookId, idsAsJson(eventIds))
      .map((row) => toPending(row, row, webhookId, fromKey));
  }

  due(webhookId: number, now: number, limit: number, except: readonly EventId[] = []): DuePage {
    const deliveries: PendingDelivery[] = [];
    let size = 0;
    for (const row of this.#due.iterate(webhookId, now, idsAsJson(except), limit + 1)) {
      // One row more than asked, or more than a page may weigh: it says when to go on.
      if (deliveries.length === limit || size > MAX_PAGE_SIZE) {
        return { deliveries, nextDueAt: row.next_attempt_at };
      }
      deliveries.push(toPending(row, row, webhookId, fromKey));
      size += row.body.length;
    }
    return { deliveries, nextDueAt: this.#nextDue.get(webhookId, now) ?? null };
  }
}

function idsAsJson(ids: readonly EventId[]): string {
  return JSON.stringify(ids.map((id) => id.slice(4)));
}
