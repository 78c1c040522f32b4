import type { EventId } from './ids.ts';

/** Event types about campaigns: the seed's six, then the further ones. */
export const CAMPAIGN_EVENT_TYPES = [
  'SENT',
  'OPENED',
  'CLICKED',
  'REPLIED',
  'BOUNCED',
  'UNSUBSCRIBED',
  'FIRST_EMAIL_SENT',
  'LEAD_CATEGORY_UPDATED',
  'CAMPAIGN_STATUS_CHANGED',
  'UNTRACKED_REPLIES',
  'MANUAL_STEP_REACHED',
] as const;

/** Made by Posthorn itself; a webhook gets them only if its map names them. */
export const OPERATIONAL_EVENT_TYPES = [
  'WEBHOOK_FAILING',
  'WEBHOOK_DISABLED',
  'WEBHOOK_RECOVERED',
  'DELIVERY_EXHAUSTED',
] as const;

export const EVENT_TYPES = [...CAMPAIGN_EVENT_TYPES, ...OPERATIONAL_EVENT_TYPES] as const;

export type CampaignEventType = (typeof CAMPAIGN_EVENT_TYPES)[number];
export type OperationalEventType = (typeof OPERATIONAL_EVENT_TYPES)[number];
export type EventType = (typeof EVENT_TYPES)[number];

/**
 * Stands for no campaign, in what is about none: beyond the ids that a caller can name, of which none
 * may be missing where it is stored.
 */
export const NO_CAMPAIGN = Number.MAX_SAFE_INTEGER + 1;

/** Every campaign event type but CAMPAIGN_STATUS_CHANGED is about a lead and needs `lead_email`. */
export function isAboutLead(type: CampaignEventType): boolean {
  return type !== 'CAMPAIGN_STATUS_CHANGED';
}

/** A validated fact about a campaign that has not been accepted yet. */
export interface NewEvent {
  readonly accountId: number;
  /** The caller's own `event_id`; unique in the account, null where none was given. */
  readonly callerEventId: string | null;
  readonly type: EventType;
  /** `NO_CAMPAIGN` only in operational events. */
  readonly campaignId: number;
  /** The client the caller named; null where the campaign's declared client is meant. */
  readonly clientId: number | null;
  readonly leadEmail: string | null;
  readonly categoryId: number | null;
  /** The webhook that an operational event is about, which never gets it. Kept in the body only. */
  readonly aboutWebhookId?: number;
  /** The payload as JSON text in the seed's form: what receivers get, fixed at acceptance. */
  readonly body: string;
}

/** An accepted event: immutable. Its time of acceptance is part of its id. */
export interface AcceptedEvent extends NewEvent {
  readonly id: EventId;
}

/**
 * What the deliveries have in common that a webhook with `ordering: "lead"` gets one after another. An
 * event that is about no lead waits for no other.
 */
export function orderingKey({ id, leadEmail }: Pick<AcceptedEvent, 'id' | 'leadEmail'>): string {
  return leadEmail ? leadKey(leadEmail) : id;
}

/** Lead emails are compared without regard to case. */
export function leadKey(email: string): string {
  return email.toLowerCase();
}

/** The webhook that a stored event is about; undefined for all that Posthorn has not made itself. */
export function aboutWebhook({ type, body }: Pick<NewEvent, 'type' | 'body'>): number | undefined {
  if (!(OPERATIONAL_EVENT_TYPES as readonly string[]).includes(type)) return undefined;
  return (JSON.parse(body) as { webhook_id?: number }).webhook_id;
}
