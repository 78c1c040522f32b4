import type { Attempt, NextStep } from '../domain/attempt.ts';
import type { PendingDelivery } from '../domain/delivery.ts';
import { requestHeaders, timestampSeconds, type SignedAttempt } from '../domain/request-headers.ts';
import { nextStep, scheduled } from '../domain/retry.ts';
import { signatureHeader } from '../domain/signature.ts';
import { signingSecrets, type Webhook } from '../domain/webhook.ts';
import type { Gate } from './rate-limit.ts';
import type { OutgoingRequest, SendResult } from './sender.ts';

/** Sends a request; calls back once, whatever comes of it: every ending is an outcome. */
export interface SendsRequests {
  send(
    request: OutgoingRequest,
    ended: (result: SendResult) => void,
    options?: { readonly timeoutMs?: number },
  ): void;
  forget(webhookId: number): void;
}

export interface DeliverySettings {
  /** Waits between attempts in milliseconds. */
  readonly retrySchedule: readonly number[];
  readonly userAgent: string;
}

/** To whom it goes, and what it has to pass on its way. */
export interface Addressee {
  readonly webhook: Webhook;
  readonly gate?: Gate | undefined;
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
export function deliver(
  delivery: PendingDelivery,
  { webhook, gate }: Addressee,
  sender: SendsRequests,
  settings: DeliverySettings,
  ended: (delivered: Delivered) => void,
): void {
  const { eventId, eventType, body } = delivery;
  const { id: webhookId, url } = webhook;
  const { userAgent, retrySchedule } = settings;
  const startedAt = Date.now();
  const number = delivery.attemptCount + 1;
  const signature = signatureHeader(
    signingSecrets(webhook, startedAt),
    eventId,
    timestampSeconds(startedAt),
    body,
  );
  const signed = { number, startedAt, signature, userAgent };
  const headers = headersOf(delivery, eventType, webhook, signed);
  const { timeoutMs } = webhook;
  const done = (result: SendResult): void => {
    const { outcome, durationMs, response, error, ranOut } = result;
    const attempt: Attempt = {
      number,
      startedAt,
      durationMs,
      outcome,
      url,
      signature,
      userAgent,
      response,
      error,
    };
    const schedule = webhook.retrySchedule ?? retrySchedule;
    ended({ attempt, next: judge(attempt, schedule, delivery.scheduleBase), ranOut });
  };
  const request = { webhookId, url, headers, body, gate };
  if (timeoutMs === null) sender.send(request, done);
  else sender.send(request, done, { timeoutMs });
}

/** Its own ones first: none of them can take the place of ours. */
function headersOf(
  delivery: PendingDelivery,
  eventType: string,
  webhook: Webhook,
  signed: SignedAttempt,
): Record<string, string> {
  const made = requestHeaders(delivery, eventType, signed);
  return webhook.headers === null ? made : { ...webhook.headers, ...made };
}

function judge(attempt: Attempt, waits: readonly number[], base: number | undefined): NextStep {
  const { number, schedule } = scheduled(attempt.number, waits, base);
  const retryAfter = attempt.response?.headers['retry-after'];
  return nextStep(
    {
      number,
      outcome: attempt.outcome,
      responseStatus: attempt.response?.status ?? null,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
    },
    schedule,
    attempt.startedAt + attempt.durationMs,
    Math.random(),
  );
}
