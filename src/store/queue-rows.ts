import type { PendingDelivery } from '../domain/delivery.ts';
import type { EventId } from '../domain/ids.ts';

/** A pending delivery of a webhook that is known; an adapter names what it has for an event's id. */
export interface QueueRow<Key> {
  readonly account_id: number;
  readonly event_id: Key;
  readonly webhook_version: number;
  readonly attempt_count: number;
  readonly next_attempt_at: number;
  readonly created_at: number;
  readonly schedule_base: number;
}

/** What is sent of its event. */
export interface BodyRow {
  readonly type: string;
  readonly body: string;
}

export function toPending<Key>(
  row: QueueRow<Key>,
  { type, body }: BodyRow,
  webhookId: number,
  toEventId: (key: Key) => EventId,
): PendingDelivery {
  return {
    accountId: row.account_id,
    eventId: toEventId(row.event_id),
    webhookId,
    webhookVersion: row.webhook_version,
    attemptCount: row.attempt_count,
    nextAttemptAt: row.next_attempt_at,
    createdAt: row.created_at,
    eventType: type,
    body,
    ...(row.schedule_base === 0 ? {} : { scheduleBase: row.schedule_base }),
  };
}
