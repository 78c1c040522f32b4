import type { OperationalEventType } from './event.ts';
import type { EventId } from './ids.ts';

/** Why a delivery was given up on. */
export const NO_ATTEMPTS_LEFT = 'No attempts are left.';
export const OUTLIVED_RETENTION = 'It is older than events are kept.';

/**
 * Something that has happened to a webhook, written down in the transaction in which it happened: an
 * operational event is to be made of it.
 */
export interface Announcement {
  readonly id: number;
  readonly accountId: number;
  /** The webhook that it is about. */
  readonly webhookId: number;
  readonly type: OperationalEventType;
  readonly at: number;
  readonly reason: string | null;
  /** Of DELIVERY_EXHAUSTED only. */
  readonly delivery: ExhaustedDelivery | null;
}

export interface ExhaustedDelivery {
  readonly eventId: EventId;
  readonly eventType: string;
  readonly campaignId: number;
  readonly clientId: number | null;
  readonly attemptCount: number;
}
