import type { Announcement } from '../domain/announcement.ts';
import type { OperationalEventType } from '../domain/event.ts';
import type { EventId } from '../domain/ids.ts';
import type { FailingWebhook } from './health-store.ts';

/** A failing webhook as both stores read it. */
export interface FailingRow {
  readonly webhook_id: number;
  readonly url: string;
  readonly failing_since: number;
  readonly exhausted_at: number | null;
  readonly consecutive_failures: number;
  readonly probe_at: number | null;
  readonly failed_probes: number | null;
}

export const FAILING_COLUMNS = `h.webhook_id, h.failing_since, h.exhausted_at,
  h.consecutive_failures, h.probe_at, h.failed_probes`;

export function toFailing(row: FailingRow): FailingWebhook {
  const { probe_at: probeAt, failed_probes: failedProbes } = row;
  return {
    webhookId: row.webhook_id,
    url: row.url,
    since: row.failing_since,
    failures: row.consecutive_failures,
    exhausted: row.exhausted_at !== null,
    open: probeAt === null ? null : { probeAt, failedProbes: failedProbes ?? 0 },
  };
}

/** What follows `event_id` is null with it. */
export interface AnnouncementRow<Key> {
  readonly id: number;
  readonly account_id: number;
  readonly webhook_id: number;
  readonly type: OperationalEventType;
  readonly at: number;
  readonly reason: string | null;
  readonly event_id: Key | null;
  readonly event_type: string;
  readonly campaign_id: number;
  readonly client_id: number | null;
  readonly attempt_count: number;
}

export function toAnnouncement<Key>(
  row: AnnouncementRow<Key>,
  toEventId: (key: Key) => EventId,
): Announcement {
  return {
    id: row.id,
    accountId: row.account_id,
    webhookId: row.webhook_id,
    type: row.type,
    at: row.at,
    reason: row.reason,
    delivery:
      row.event_id === null
        ? null
        : {
            eventId: toEventId(row.event_id),
            eventType: row.event_type,
            campaignId: row.campaign_id,
            clientId: row.client_id,
            attemptCount: row.attempt_count,
          },
  };
}
