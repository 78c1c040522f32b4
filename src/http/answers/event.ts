import { z } from 'zod';
import { id } from '../../dialect/fields.ts';
import { EVENT_TYPES, NO_CAMPAIGN, type AcceptedEvent } from '../../domain/event.ts';
import { acceptedAt } from '../../domain/ids.ts';
import type { Accepted } from '../../intake/intake.ts';
import { count, isoTime, ok, time } from './envelope.ts';

const rejected = z.array(z.object({ index: count, error: z.string() }));

export const acceptedAnswer = z.object({
  ok,
  accepted: count,
  duplicates: count,
  rejected,
  events: z.array(
    z.object({
      index: count.describe('Which event of the body this is, from 0.'),
      id: z.string(),
      event_id: z.string().nullable().describe("The caller's own id."),
      deliveries: count.describe('How many webhooks matched.'),
      duplicate: z.boolean(),
    }),
  ),
});

export type AcceptedAnswer = z.output<typeof acceptedAnswer>;

export function showAcceptance(
  { id, deliveries, duplicate }: Accepted,
  callerEventId: string | null,
): { id: string; event_id: string | null; deliveries: number; duplicate: boolean } {
  return { id, event_id: callerEventId, deliveries, duplicate };
}

export const eventSummary = z
  .object({
    id: z.string(),
    event_id: z.string().nullable(),
    event_type: z.enum(EVENT_TYPES),
    campaign_id: id.nullable().describe('Null only where an operational event is about none.'),
    client_id: id.nullable(),
    lead_email: z.string().nullable(),
    category_id: id.nullable(),
    accepted_at: time,
  })
  .meta({ id: 'EventSummary' });

export const eventAnswer = eventSummary
  .extend({
    payload: z.record(z.string(), z.unknown()).describe('What webhooks get as their body.'),
  })
  .meta({ id: 'Event' });

export function showEventSummary(event: AcceptedEvent): z.output<typeof eventSummary> {
  return {
    id: event.id,
    event_id: event.callerEventId,
    event_type: event.type,
    campaign_id: event.campaignId === NO_CAMPAIGN ? null : event.campaignId,
    client_id: event.clientId,
    lead_email: event.leadEmail,
    category_id: event.categoryId,
    accepted_at: isoTime(acceptedAt(event.id)),
  };
}

export function showEvent(event: AcceptedEvent): z.output<typeof eventAnswer> {
  return { ...showEventSummary(event), payload: JSON.parse(event.body) };
}
