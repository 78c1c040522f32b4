import type { EventId } from './ids.ts';

/** Statuses that are stored. `in_flight` is `pending` with a sender at work: derived, not stored. */
export const DELIVERY_STATUSES = ['pending', 'succeeded', 'exhausted', 'canceled'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** Those of deliveries that have ended: from them a person may put one back. */
export const ENDED_STATUSES = ['succeeded', 'exhausted', 'canceled'] as const;
export type EndedStatus = (typeof ENDED_STATUSES)[number];

/** Everything that can happen to a delivery. */
export type DeliveryTransition =
  | 'succeed' // an attempt got a 2xx
  | 'retry' // an attempt failed, another one is due later
  | 'exhaust' // no attempts left, or outlived the retention time
  | 'cancel' // its webhook was deleted or disabled, or answered 410
  | 'redo'; // a person put it back: retry, replay

/** The one table of the lifecycle; what is not in it does not exist. See docs/states.md. */
export const TRANSITIONS: Readonly<
  Record<DeliveryStatus, Partial<Record<DeliveryTransition, DeliveryStatus>>>
> = {
  pending: { succeed: 'succeeded', retry: 'pending', exhaust: 'exhausted', cancel: 'canceled' },
  succeeded: { redo: 'pending' },
  exhausted: { redo: 'pending' },
  canceled: { redo: 'pending' },
};

/** The status after a transition, or undefined where the status does not allow it. */
export function transition(
  status: DeliveryStatus,
  by: DeliveryTransition,
): DeliveryStatus | undefined {
  return TRANSITIONS[status][by];
}

/** A delivery that waits to be sent, with all that sending needs. */
export interface PendingDelivery {
  readonly accountId: number;
  readonly eventId: EventId;
  readonly webhookId: number;
  /** The webhook version that matched: with the event it fixes the body. */
  readonly webhookVersion: number;
  readonly attemptCount: number;
  /** Only where it was put back: which of its attempts the retry schedule begins after; see `scheduled`. */
  readonly scheduleBase?: number;
  readonly nextAttemptAt: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly eventType: string;
  readonly body: string;
  /** Only where its webhook takes deliveries with the same key one after another; see `orderingKey`. */
  readonly orderingKey?: string;
}
