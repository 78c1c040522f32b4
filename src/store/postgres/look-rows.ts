import type { Attempt, Outcome, ReceivedResponse } from '../../domain/attempt.ts';
import type { DeliveryStatus } from '../../domain/delivery.ts';
import type { AcceptedEvent, EventType } from '../../domain/event.ts';
import type { Campaign, DeliverySummary } from '../store.ts';
import { fromUuid } from './arrays.ts';

export interface EventRow {
  readonly account_id: number;
  readonly id: string;
  readonly type: string;
  readonly campaign_id: number;
  readonly client_id: number | null;
  readonly lead_email: string | null;
  readonly category_id: number | null;
  readonly caller_event_id: string | null;
  readonly body: string;
}

export const EVENT_COLUMNS =
  'account_id, id, type, campaign_id, client_id, lead_email, category_id, caller_event_id, body';

export function toEvent(row: EventRow): AcceptedEvent {
  return {
    id: fromUuid(row.id),
    accountId: row.account_id,
    type: row.type as EventType,
    campaignId: row.campaign_id,
    clientId: row.client_id,
    leadEmail: row.lead_email,
    categoryId: row.category_id,
    callerEventId: row.caller_event_id,
    body: row.body,
  };
}

export interface CampaignRow {
  readonly id: number;
  readonly name: string | null;
  readonly client_id: number | null;
  readonly status: string | null;
  readonly created_at: number;
  readonly updated_at: number;
}

export function toCampaign(row: CampaignRow): Campaign {
  return {
    id: row.id,
    name: row.name,
    clientId: row.client_id,
    status: row.status,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** A pending or an ended delivery: the columns that both tables have, the rest filled with null. */
export interface DeliveryRow {
  readonly event_id: string;
  readonly webhook_id: number;
  readonly webhook_version: number;
  readonly status: DeliveryStatus;
  readonly attempt_count: number;
  readonly next_attempt_at: number | null;
  readonly created_at: number;
  readonly ended_at: number | null;
}

export const PENDING_COLUMNS = `event_id, webhook_id, webhook_version, 'pending' AS status,
  attempt_count, next_attempt_at, created_at, NULL::bigint AS ended_at`;

export const ENDED_COLUMNS = `event_id, webhook_id, webhook_version, status, attempt_count,
  NULL::bigint AS next_attempt_at, created_at, ended_at`;

export function toDelivery(row: DeliveryRow): DeliverySummary {
  return {
    eventId: fromUuid(row.event_id),
    webhookId: row.webhook_id,
    status: row.status,
    attemptCount: row.attempt_count,
    nextAttemptAt: row.next_attempt_at,
    createdAt: row.created_at,
    endedAt: row.ended_at,
  };
}

export interface AttemptRow {
  readonly number: number;
  readonly started_at: number;
  readonly duration_ms: number;
  readonly outcome: Outcome;
  readonly url: string;
  readonly signature: string;
  readonly user_agent: string;
  readonly response_status: number | null;
  readonly response_headers: ReceivedResponse['headers'] | null;
  readonly response_body: string | null;
  readonly error: string | null;
}

export function toAttempt(row: AttemptRow): Attempt {
  return {
    number: row.number,
    startedAt: row.started_at,
    durationMs: row.duration_ms,
    outcome: row.outcome,
    url: row.url,
    signature: row.signature,
    userAgent: row.user_agent,
    response:
      row.response_status === null
        ? null
        : {
            status: row.response_status,
            headers: row.response_headers ?? {},
            body: row.response_body ?? '',
          },
    error: row.error,
  };
}
