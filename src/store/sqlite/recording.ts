import type Database from 'better-sqlite3';
import type { NextStep } from '../../domain/attempt.ts';
import { hasFailedForTooLong } from '../../domain/breaker.ts';
import { MOVED_WAIT_MS } from '../../domain/retry.ts';
import { shardOf } from '../../domain/shard.ts';
import type { Webhook } from '../../domain/webhook.ts';
import { isStopped } from '../../domain/webhook-status.ts';
import { noteHealth, type HealthChanges } from '../health-change.ts';
import type { RecordResult } from '../store.ts';
import type { Announcing } from './announcing.ts';
import type { FlatRecord } from './codec.ts';
import { toKey } from './event-key.ts';
import { RowInserts } from './row-inserts.ts';
import type { WebhookRows } from './webhook-rows.ts';

/** Who may send to a shard's webhooks, and the last redo that was asked for of one of them. */
interface ShardRow {
  readonly epoch: number;
  readonly redo_id: number;
}

/** The delivery that an attempt was made of: an attempt that is there already would be made twice else. */
const MEANT = 'webhook_id = ? AND event_id = ? AND account_id = ? AND attempt_count = ?';

/** What one transaction has to remember while it records. */
export class RecordingState {
  readonly shards = new Map<number, ShardRow>();
  readonly health: HealthChanges = new Map();
  readonly disabled: Webhook[] = [];
  /** Values of the rows of attempts and of ended deliveries, to be written together. */
  readonly attempts: unknown[] = [];
  readonly ended: unknown[] = [];
  /** Records by which their webhooks may have failed for too long. */
  readonly last: FlatRecord[] = [];
}

const ATTEMPT = [
  'event_id',
  'webhook_id',
  'number',
  'started_at',
  'duration_ms',
  'outcome',
  'url',
  'signature',
  'user_agent',
  'response_status',
  'response_headers',
  'response_body',
  'error',
];
const ENDED = [
  'account_id',
  'event_id',
  'webhook_id',
  'webhook_version',
  'status',
  'attempt_count',
  'created_at',
  'ended_at',
  'after_redo',
];

/** Stores ended attempts with what comes next, inside the commit's transaction. */
export class Recording {
  readonly #webhooks: WebhookRows;
  readonly #announcing: Announcing;
  readonly #shard: Database.Statement<[number], ShardRow>;
  readonly #attempts: RowInserts;
  readonly #postpone: Database.Statement;
  readonly #leaveQueue: Database.Statement;
  readonly #ended: RowInserts;
  readonly #countCanceled: Database.Statement;
  readonly #upsertHealth: Database.Statement;
  readonly #failing: Database.Statement<[number], { since: number | null; exhausted: number }>;

  constructor(database: Database.Database, webhooks: WebhookRows, announcing: Announcing) {
    this.#webhooks = webhooks;
    this.#announcing = announcing;
    this.#shard = database.prepare('SELECT epoch, redo_id FROM shard WHERE id = ?');
    this.#attempts = new RowInserts(database, 'attempt', ATTEMPT);
    this.#postpone = database.prepare(
      `UPDATE queue SET attempt_count = ?, next_attempt_at = ? WHERE ${MEANT}`,
    );
    this.#leaveQueue = database.prepare(`DELETE FROM queue WHERE ${MEANT}`);
    this.#ended = new RowInserts(database, 'delivery', ENDED);
    this.#countCanceled = database.prepare(
      `UPDATE delivery SET attempt_count = @number WHERE account_id = @accountId
         AND event_id = @key AND webhook_id = @webhookId AND status = 'canceled'
         AND attempt_count = @number - 1`,
    );
    this.#upsertHealth = database.prepare(
      `INSERT INTO webhook_health (webhook_id, last_success_at, last_failure_at,
         consecutive_failures, failing_since, exhausted_at, probe_at, failed_probes)
       VALUES (@webhookId, @lastSuccessAt, @lastFailureAt, @failures, @failingSince, @exhaustedAt,
         @probeAt, @failedProbes)
       ON CONFLICT (webhook_id) DO UPDATE SET
         last_success_at = coalesce(@lastSuccessAt, last_success_at),
         last_failure_at = coalesce(@lastFailureAt, last_failure_at),
         consecutive_failures = @failures + iif(@lastSuccessAt IS NULL, consecutive_failures, 0),
         failing_since = coalesce(iif(@lastSuccessAt IS NULL, failing_since, NULL), @failingSince),
         exhausted_at = coalesce(@exhaustedAt, iif(@lastSuccessAt IS NULL, exhausted_at, NULL)),
         probe_at = coalesce(@probeAt, iif(@lastSuccessAt IS NULL, probe_at, NULL)),
         failed_probes =
           coalesce(@failedProbes, iif(@lastSuccessAt IS NULL, failed_probes, NULL))`,
    );
    this.#failing = database.prepare(
      `SELECT failing_since AS since, exhausted_at IS NOT NULL AS exhausted FROM webhook_health
       WHERE webhook_id = ?`,
    );
  }

  record(record: FlatRecord, state: RecordingState): RecordResult {
    if (shardOf(record.webhookId) !== record.shard) return 'not_owner';
    if (this.#shardOf(record.shard, state)?.epoch !== record.epoch) return 'not_owner';
    const key = toKey(record.eventId);
    const next = this.#meantForNow(record);
    const moved = this.#move(record, next, key, state);
    if (!moved && !this.#wasCanceled(record, key, state)) return 'gone';
    keepAttempt(record, key, state);
    noteHealth(state.health, record);
    if (record.mark) this.#noteMark(record, state);
    return moved && next !== record.next ? 'postponed' : 'recorded';
  }

  /** Writes the rows that have gathered, and what was noted of the webhooks' health, once for each. */
  finish(state: RecordingState): void {
    this.#attempts.write(state.attempts);
    this.#ended.write(state.ended);
    for (const [webhookId, change] of state.health) {
      this.#upsertHealth.run({ webhookId, ...change });
    }
    for (const record of state.last) this.#disableIfFailing(record, state);
  }

  #noteMark(record: FlatRecord, state: RecordingState): void {
    const { attempt, mark } = record;
    const endedAt = attempt.startedAt + attempt.durationMs;
    if (mark?.announce) this.#announcing.webhook(record, mark.announce, endedAt);
    if (mark?.disableReason !== undefined) state.last.push(record);
  }

  /** Its owner says so; what is stored decides, which begins anew with another URL. */
  #disableIfFailing({ webhookId, attempt, mark }: FlatRecord, state: RecordingState): void {
    const { since, exhausted } = this.#failing.get(webhookId) ?? { since: null, exhausted: 0 };
    if (since === null) return;
    const endedAt = attempt.startedAt + attempt.durationMs;
    if (!hasFailedForTooLong({ since, exhausted: exhausted === 1 }, endedAt)) return;
    this.#disable(webhookId, mark?.disableReason ?? '', state);
  }

  #shardOf(shard: number, { shards }: RecordingState): ShardRow | undefined {
    const read = shards.get(shard) ?? this.#shard.get(shard);
    if (read !== undefined) shards.set(shard, read);
    return read;
  }

  /** @returns false where it is not pending, or another attempt than the next one was made */
  #move(
    { accountId, webhookId, webhookVersion, createdAt, attempt, shard }: FlatRecord,
    next: NextStep,
    key: Buffer,
    state: RecordingState,
  ): boolean {
    const { number } = attempt;
    const meant = [webhookId, key, accountId, number - 1];
    if (next.status === 'pending') {
      return this.#postpone.run(number, next.nextAttemptAt, ...meant).changes === 1;
    }
    if (this.#leaveQueue.run(...meant).changes === 0) return false;
    const at = attempt.startedAt + attempt.durationMs;
    state.ended.push(
      accountId,
      key,
      webhookId,
      webhookVersion,
      next.status,
      number,
      createdAt,
      at,
      this.#shardOf(shard, state)?.redo_id ?? 0,
    );
    if (next.status === 'canceled') this.#disable(webhookId, next.disableReason, state);
    if (next.status === 'exhausted') {
      this.#announcing.exhausted({ accountId, webhookId }, key, at, number);
    }
    return true;
  }

  /** A 410 of a URL that the webhook has no longer says nothing of the present one: that is due soon. */
  #meantForNow({ webhookId, attempt, next }: FlatRecord): NextStep {
    if (next.status !== 'canceled') return next;
    const webhook = this.#webhooks.get(webhookId);
    if (!webhook || webhook.url === attempt.url) return next;
    const endedAt = attempt.startedAt + attempt.durationMs;
    return { status: 'pending', nextAttemptAt: endedAt + MOVED_WAIT_MS };
  }

  /** The webhook matches nothing from now on. */
  #disable(webhookId: number, reason: string, state: RecordingState): void {
    const webhook = this.#webhooks.get(webhookId);
    if (!webhook || isStopped(webhook)) return;
    const changes = { status: 'disabled' as const, disabledReason: reason };
    const now = Date.now();
    const disabled = this.#webhooks.change(webhook, changes, now);
    state.disabled.push(disabled);
    const { accountId } = disabled;
    this.#announcing.webhook({ accountId, webhookId }, 'WEBHOOK_DISABLED', now, reason);
  }

  /** Its webhook was deleted or disabled while the attempt was in flight: canceled stands. */
  #wasCanceled(
    { accountId, webhookId, attempt }: FlatRecord,
    key: Buffer,
    state: RecordingState,
  ): boolean {
    const { number } = attempt;
    // It may have been so by a record of this same batch.
    this.#ended.write(state.ended);
    return this.#countCanceled.run({ accountId, key, webhookId, number }).changes > 0;
  }
}

function keepAttempt(record: FlatRecord, key: Buffer, { attempts }: RecordingState): void {
  const { attempt } = record;
  attempts.push(
    key,
    record.webhookId,
    attempt.number,
    attempt.startedAt,
    attempt.durationMs,
    attempt.outcome,
    attempt.url,
    attempt.signature,
    attempt.userAgent,
    record.responseStatus,
    record.responseHeaders,
    record.responseBody,
    attempt.error,
  );
}
