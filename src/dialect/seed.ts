import { z } from 'zod';
import { PosthornError, type FieldIssue } from '../domain/errors.ts';
import {
  CAMPAIGN_EVENT_TYPES,
  isAboutLead,
  OPERATIONAL_EVENT_TYPES,
  type CampaignEventType,
  type NewEvent,
} from '../domain/event.ts';
import { faultsOf, isLeftOut, plainIssue, validationError } from './faults.ts';
import { id, optionalId } from './fields.ts';
import { isIsoTime } from './iso-time.ts';

/** One event at most, as JSON in the form in which it is delivered. */
export const MAX_EVENT_BYTES = 256 * 1024;

const MAX_EMAIL = 320;
const MAX_EVENT_ID = 255;

const text = z.string().nullish();

const emailIssue = `must be an email address of at most ${MAX_EMAIL} characters`;
const leadEmail = z
  .string()
  .max(MAX_EMAIL, { error: emailIssue })
  .regex(/@/, { error: emailIssue })
  .describe('Required for event types about a lead: all but CAMPAIGN_STATUS_CHANGED.')
  .nullish();

const timestamp = z
  .string()
  .refine(isIsoTime, {
    error: 'must be an ISO 8601 time that exists, such as 2025-11-26T10:30:00Z',
  })
  .describe('ISO 8601; default now; delivered as given.')
  .nullish();

function eventTypeIssue({ input }: { input?: unknown }): string {
  if (isLeftOut(input)) return 'is required';
  return (OPERATIONAL_EVENT_TYPES as readonly unknown[]).includes(input)
    ? 'is made by Posthorn itself and cannot be put in'
    : `must be one of ${CAMPAIGN_EVENT_TYPES.join(', ')}`;
}

/** The seed's payload and what goes with it but is not delivered: `event_id` and `client_id`. */
export const seedEvent = z.object({
  event_type: z.enum(CAMPAIGN_EVENT_TYPES, { error: eventTypeIssue }),
  campaign_id: id,
  lead_email: leadEmail,
  lead_first_name: text,
  lead_last_name: text,
  email_account: text,
  subject: text,
  message: text,
  timestamp,
  category_id: optionalId,
  event_id: z
    .string()
    .min(1)
    .max(MAX_EVENT_ID)
    .describe("The caller's own id, unique in the account: repeating it is safe.")
    .nullish(),
  client_id: optionalId.describe("Left out: the campaign's declared client."),
});

const KNOWN_FIELDS: ReadonlySet<string> = new Set(Object.keys(seedEvent.shape));

/** Three times as fast on the hot path; what it refuses, the schema itself explains. */
const compiledEvent = z.compile(seedEvent);

type SeedEvent = z.output<typeof seedEvent>;

export type ParsedEvent = { readonly event: NewEvent } | { readonly refusal: PosthornError };

/**
 * Takes a parsed JSON value for an event of the seed's form. What receivers get is rendered here,
 * once: the bytes are the same on every attempt.
 */
export function parseEvent(raw: unknown, accountId: number, now: number): ParsedEvent {
  const parsed = compiledEvent.safeParse(raw, { error: plainIssue });
  const lead = leadFault(raw);
  if (!parsed.success || lead) {
    const faults = parsed.success ? [] : faultsOf(parsed.error);
    return { refusal: validationError(lead ? [...faults, lead] : faults) };
  }
  const event = parsed.data;
  const body = renderBody(event, raw as object, now);
  if (isTooLarge(body)) return { refusal: tooLarge() };
  return {
    event: {
      accountId,
      callerEventId: event.event_id ?? null,
      type: event.event_type,
      campaignId: event.campaign_id,
      clientId: event.client_id ?? null,
      leadEmail: event.lead_email ?? null,
      categoryId: event.category_id ?? null,
      body,
    },
  };
}

/** Looked for beside the schema: it would pass over it where another field is at fault. */
function leadFault(raw: unknown): FieldIssue | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { event_type: type, lead_email: lead } = raw as {
    event_type?: unknown;
    lead_email?: unknown;
  };
  if (!isLeftOut(lead) || !isCampaignEventType(type) || !isAboutLead(type)) return undefined;
  return { field: 'lead_email', issue: `is required for ${type}` };
}

function isCampaignEventType(type: unknown): type is CampaignEventType {
  return CAMPAIGN_EVENT_TYPES.includes(type as CampaignEventType);
}

function renderBody(event: SeedEvent, raw: object, now: number): string {
  const known = JSON.stringify({
    event_type: event.event_type,
    campaign_id: event.campaign_id,
    lead_email: event.lead_email ?? null,
    lead_first_name: event.lead_first_name ?? null,
    lead_last_name: event.lead_last_name ?? null,
    email_account: event.email_account ?? null,
    subject: event.subject ?? null,
    message: event.message ?? null,
    timestamp: event.timestamp ?? new Date(now).toISOString(),
    category_id: event.category_id ?? null,
  });
  return known.slice(0, -1) + renderFurther(raw) + '}';
}

/**
 * The caller's further fields, read from what they sent and written one by one: as fields of one
 * object, numeric names would overtake the seed's, and `__proto__` would not be a field at all.
 */
function renderFurther(raw: object): string {
  let rendered = '';
  for (const name of Object.keys(raw)) {
    if (KNOWN_FIELDS.has(name)) continue;
    const value: unknown = (raw as Record<string, unknown>)[name];
    rendered += `,${JSON.stringify(name)}:${JSON.stringify(value)}`;
  }
  return rendered;
}

function isTooLarge(body: string): boolean {
  // A UTF-16 unit is at most three bytes of UTF-8: most bodies need no counting.
  return body.length * 3 > MAX_EVENT_BYTES && Buffer.byteLength(body) > MAX_EVENT_BYTES;
}

function tooLarge(): PosthornError {
  return new PosthornError(
    'payload_too_large',
    `An event may have at most ${MAX_EVENT_BYTES / 1024} KiB as JSON`,
  );
}
