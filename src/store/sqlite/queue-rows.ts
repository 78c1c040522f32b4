import type { PendingDelivery } from '../../domain/delivery.ts';
import { fromKey } from './event-key.ts';

/** A pending delivery of a webhook that is known. */
export interface QueueRow {
  readonly account_id: number;
  readonly event_id: Buffer;
  readonly webhook_version: number;
  readonly attempt_count: number;
  readonly next_attempt_at: number;
  readonly schedule_base: number;
}

/** What is sent of its event. */
export interface BodyRow {
  readonly type: string;
  readonly body: string;
}

export function toPending(
  row: QueueRow,
  { type, body }: BodyRow,
  webhookId: number,
): PendingDelivery {
  return {
    accountId: row.account_id,
    eventId: fromKey(row.event_id),
    webhookId,
    webhookVersion: row.webhook_version,
    attemptCount: row.attempt_count,
    nextAttemptAt: row.next_attempt_at,
    eventType: type,
    body,
    ...(row.schedule_base === 0 ? {} : { scheduleBase: row.schedule_base }),
  };
}
