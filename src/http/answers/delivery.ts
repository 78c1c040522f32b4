import { z } from 'zod';
import { id } from '../../dialect/fields.ts';
import { OUTCOMES, type Attempt } from '../../domain/attempt.ts';
import { DELIVERY_STATUSES } from '../../domain/delivery.ts';
import { deliveryId, type DeliveryKey } from '../../domain/ids.ts';
import { requestHeaders } from '../../domain/request-headers.ts';
import type { DeliveryDetail, DeliverySummary } from '../../store/store.ts';
import { count, isoTime, isoTimeOrNull, time } from './envelope.ts';

export const deliverySummary = z
  .object({
    id: z.string(),
    event_id: z.string(),
    webhook_id: id,
    status: z.enum(DELIVERY_STATUSES).describe('pending includes what is in flight.'),
    attempt_count: count,
    next_attempt_at: time.nullable(),
    created_at: time,
    ended_at: time.nullable(),
  })
  .meta({ id: 'DeliverySummary' });

export const attemptAnswer = z
  .object({
    number: count,
    started_at: time,
    duration_ms: z.number(),
    outcome: z.enum(OUTCOMES),
    request: z
      .object({ url: z.string(), headers: z.record(z.string(), z.string()) })
      .describe("Without the webhook's own headers."),
    response_status: z.int().nullable(),
    response_headers: z
      .record(z.string(), z.union([z.string(), z.array(z.string()).readonly()]))
      .nullable(),
    response_body: z.string().nullable().describe('The first 4 KiB.'),
    error: z.string().nullable(),
  })
  .meta({ id: 'Attempt' });

export const deliveryAnswer = deliverySummary
  .extend({
    event_type: z.string(),
    body: z.string().describe('The body as sent, byte for byte.'),
    attempts: z.array(attemptAnswer),
  })
  .meta({ id: 'Delivery' });

export function showDeliverySummary(delivery: DeliverySummary): z.output<typeof deliverySummary> {
  return {
    id: deliveryId(delivery),
    event_id: delivery.eventId,
    webhook_id: delivery.webhookId,
    status: delivery.status,
    attempt_count: delivery.attemptCount,
    next_attempt_at: isoTimeOrNull(delivery.nextAttemptAt),
    created_at: isoTime(delivery.createdAt),
    ended_at: isoTimeOrNull(delivery.endedAt),
  };
}

export function showDelivery(delivery: DeliveryDetail): z.output<typeof deliveryAnswer> {
  const { event, attempts } = delivery;
  return {
    ...showDeliverySummary(delivery),
    event_type: event.type,
    body: event.body,
    attempts: attempts.map((attempt) => showAttempt(delivery, event.type, attempt)),
  };
}

export function showAttempt(
  key: DeliveryKey,
  eventType: string,
  attempt: Attempt,
): z.output<typeof attemptAnswer> {
  return {
    number: attempt.number,
    started_at: isoTime(attempt.startedAt),
    duration_ms: attempt.durationMs,
    outcome: attempt.outcome,
    request: { url: attempt.url, headers: requestHeaders(key, eventType, attempt) },
    response_status: attempt.response?.status ?? null,
    response_headers: attempt.response ? { ...attempt.response.headers } : null,
    response_body: attempt.response?.body ?? null,
    error: attempt.error,
  };
}
