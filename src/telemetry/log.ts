import { pino, type DestinationStream, type Logger } from 'pino';
import type { Attempt, NextStep } from '../domain/attempt.ts';
import { deliveryId, type DeliveryKey, type EventId } from '../domain/ids.ts';
import type { Redo } from '../domain/redo.ts';
import type { Webhook } from '../domain/webhook.ts';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * The log: one function and one line for each business event. What a line may hold is decided
 * here alone: ids, numbers and decisions, never a key, a secret, a body, a header or the query
 * of a URL (which may carry a receiver's token).
 *
 * Events accepted and deliveries that succeed are `debug`: at 15,000 a second two lines for each
 * would cost more than the delivery, and the store has the record of every one of them.
 */
export class Log {
  readonly #pino: Logger;

  constructor(level: LogLevel, destination?: DestinationStream) {
    const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
    this.#pino = destination ? pino(options, destination) : pino(options);
  }

  serverStarted(at: { address: string; store: string; version: string }): void {
    this.#pino.info(at, 'server.started');
  }

  serverStopping(signal: string): void {
    this.#pino.info({ signal }, 'server.stopping');
  }

  serverStopped(): void {
    this.#pino.info('server.stopped');
  }

  requestFailed(request: { id: string; method: string; route: string }, error: unknown): void {
    this.#pino.error({ ...request, err: error }, 'request.failed');
  }

  eventAccepted(event: {
    eventId: EventId;
    accountId: number;
    type: string;
    campaignId: number;
    deliveries: number;
    duplicate: boolean;
  }): void {
    if (this.#pino.isLevelEnabled('debug')) this.#pino.debug(event, 'event.accepted');
  }

  attemptEnded(key: DeliveryKey, attempt: Attempt, next: NextStep): void {
    const level = next.status === 'succeeded' ? 'debug' : 'info';
    if (!this.#pino.isLevelEnabled(level)) return;
    this.#pino[level](
      {
        deliveryId: deliveryId(key),
        webhookId: key.webhookId,
        attempt: attempt.number,
        outcome: attempt.outcome,
        responseStatus: attempt.response?.status ?? null,
        durationMs: attempt.durationMs,
        error: attempt.error,
        next: next.status,
        nextAttemptAt: next.status === 'pending' ? next.nextAttemptAt : null,
      },
      'attempt.ended',
    );
  }

  attemptNotRecorded(key: DeliveryKey, attemptNumber: number, why: string): void {
    this.#pino.warn(
      { deliveryId: deliveryId(key), attempt: attemptNumber, why },
      'attempt.not_recorded',
    );
  }

  /** The process ends without having been able to record them: they will be made again. */
  attemptsLost(attempts: number): void {
    this.#pino.error({ attempts }, 'attempts.lost');
  }

  webhookCreated(webhook: Webhook): void {
    this.#webhook('webhook.created', webhook);
  }

  webhookUpdated(webhook: Webhook): void {
    this.#webhook('webhook.updated', webhook);
  }

  webhookDeleted(webhook: Webhook, canceled: number): void {
    this.#webhook('webhook.deleted', webhook, { canceled });
  }

  webhookPaused(webhook: Webhook): void {
    this.#webhook('webhook.paused', webhook);
  }

  webhookResumed(webhook: Webhook): void {
    this.#webhook('webhook.resumed', webhook);
  }

  secretRotated(webhook: Webhook): void {
    const previousValidUntil = webhook.previousSecret?.validUntil ?? null;
    this.#webhook('webhook.secret_rotated', webhook, { previousValidUntil });
  }

  webhookDisabled(webhook: Webhook, canceled: number): void {
    this.#webhook('webhook.disabled', webhook, { reason: webhook.disabledReason, canceled });
  }

  deliveryRetried(key: DeliveryKey): void {
    this.#pino.info({ deliveryId: deliveryId(key), webhookId: key.webhookId }, 'delivery.retried');
  }

  redoStarted({ id, kind, webhookId, from, to, statuses, count }: Redo): void {
    this.#pino.info({ redoId: id, kind, webhookId, from, to, statuses, count }, 'redo.started');
  }

  redoEnded({ id, kind, webhookId, count }: Redo): void {
    this.#pino.info({ redoId: id, kind, webhookId, count }, 'redo.ended');
  }

  /** Its breaker has opened, or closed again. */
  breakerMoved(webhook: Webhook, to: 'WEBHOOK_FAILING' | 'WEBHOOK_RECOVERED'): void {
    this.#webhook(to === 'WEBHOOK_FAILING' ? 'webhook.failing' : 'webhook.recovered', webhook);
  }

  campaignDeclared(accountId: number, campaignId: number, clientId: number | null): void {
    this.#pino.info({ accountId, campaignId, clientId }, 'campaign.declared');
  }

  storeUnavailable(error: unknown): void {
    this.#pino.error({ err: error }, 'store.unavailable');
  }

  storeAvailable(outageMs: number): void {
    this.#pino.info({ outageMs }, 'store.available');
  }

  shardsClaimed(claimed: number, owned: number): void {
    this.#pino.info({ claimed, owned }, 'shards.claimed');
  }

  /** Another node took them: this one was silent for too long. */
  shardsLost(shards: readonly number[]): void {
    this.#pino.warn({ shards }, 'shards.lost');
  }

  nodesChanged(nodes: number): void {
    this.#pino.info({ nodes }, 'cluster.changed');
  }

  expired(step: { events: number; exhausted: number }): void {
    this.#pino.info(step, 'retention.expired');
  }

  /** Work in the background failed and will be tried again. */
  taskFailed(task: string, error: unknown): void {
    this.#pino.error({ task, err: error }, 'task.failed');
  }

  #webhook(event: string, webhook: Webhook, more: Record<string, unknown> = {}): void {
    this.#pino.info(
      {
        webhookId: webhook.id,
        accountId: webhook.accountId,
        association: webhook.association,
        targetId: webhook.targetId,
        host: new URL(webhook.url).host,
        version: webhook.version,
        ...more,
      },
      event,
    );
  }
}
