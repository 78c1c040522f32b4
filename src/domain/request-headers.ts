import type { Attempt } from './attempt.ts';
import { deliveryId, type DeliveryKey } from './ids.ts';

/** RFC 9110, 5.6.2: what the name of a header is made of. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The part of an attempt from which its request's headers follow. */
export type SignedAttempt = Pick<Attempt, 'number' | 'startedAt' | 'signature' | 'userAgent'>;

/** `webhook-timestamp`: whole seconds (Standard Webhooks). */
export function timestampSeconds(startedAt: number): number {
  return Math.floor(startedAt / 1000);
}

/**
 * The headers of an attempt's POST. A function of what is recorded, so that an attempt can be
 * shown as it was sent without storing the same names and ids again with each one.
 */
export function requestHeaders(
  key: DeliveryKey,
  eventType: string,
  attempt: SignedAttempt,
): Record<string, string> {
  return {
    'content-type': 'application/json',
    'user-agent': attempt.userAgent,
    'webhook-id': key.eventId,
    'webhook-timestamp': String(timestampSeconds(attempt.startedAt)),
    'webhook-signature': attempt.signature,
    'x-posthorn-event-type': eventType,
    'x-posthorn-delivery-id': deliveryId(key),
    'x-posthorn-attempt': String(attempt.number),
  };
}
