import type { Attempt, NextStep } from '../domain/attempt.ts';
import type { PendingDelivery } from '../domain/delivery.ts';
import { requestHeaders, timestampSeconds } from '../domain/request-headers.ts';
import { nextStep } from '../domain/retry.ts';
import { signatureHeader } from '../domain/signature.ts';
import type { Webhook } from '../domain/webhook.ts';
import type { RecordEnding } from '../store/commit-queue.ts';
import type { RecordEntry } from '../store/store.ts';
import type { OutgoingRequest, SendResult } from './sender.ts';

/** Sends a request and never rejects: every ending is an outcome. */
export interface SendsRequests {
  send(request: OutgoingRequest): Promise<SendResult>;
  forget(webhookId: number): void;
}

/** Resolves when the attempt is on disk. */
export type RecordsAttempts = (entry: RecordEntry) => Promise<RecordEnding>;

export interface DeliverySettings {
  /** Waits between attempts in milliseconds. */
  readonly retrySchedule: readonly number[];
  readonly userAgent: string;
}

/** An attempt that was made, and what comes of it. */
export interface Delivered {
  readonly attempt: Attempt;
  readonly next: NextStep;
  /** Whether the endpoint took all the time there was: it may be hanging. */
  readonly ranOut: boolean;
}

/**
 * Makes one attempt of a delivery and decides what comes next. The webhook is the one of now: its
 * URL and secret count at the time of sending. The body is the one of acceptance.
 */
export async function deliver(
  delivery: PendingDelivery,
  webhook: Webhook,
  sender: SendsRequests,
  settings: DeliverySettings,
): Promise<Delivered> {
  const startedAt = Date.now();
  const request = {
    number: delivery.attemptCount + 1,
    startedAt,
    url: webhook.url,
    signature: signatureHeader(
      [webhook.secret],
      delivery.eventId,
      timestampSeconds(startedAt),
      delivery.body,
    ),
    userAgent: settings.userAgent,
  };
  const { ranOut, ...result } = await sender.send({
    webhookId: webhook.id,
    url: webhook.url,
    headers: requestHeaders(delivery, delivery.eventType, request),
    body: delivery.body,
  });
  const attempt: Attempt = { ...request, ...result };
  return { attempt, next: judge(attempt, settings.retrySchedule), ranOut };
}

function judge(attempt: Attempt, schedule: readonly number[]): NextStep {
  const retryAfter = attempt.response?.headers['retry-after'];
  return nextStep(
    {
      number: attempt.number,
      outcome: attempt.outcome,
      responseStatus: attempt.response?.status ?? null,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
    },
    schedule,
    attempt.startedAt + attempt.durationMs,
    Math.random(),
  );
}

/** A store that refuses what the receiver answered is given the attempt without the answer. */
export async function recordOrStrip(
  entry: RecordEntry,
  record: RecordsAttempts,
): Promise<RecordEnding> {
  const ending = await record(entry);
  if (ending !== 'refused') return ending;
  const error = 'The answer could not be stored.';
  return record({ ...entry, attempt: { ...entry.attempt, response: null, error } });
}
