import { CAMPAIGN_EVENT_TYPES, EVENT_TYPES, type EventType } from './event.ts';
import { samePolicy, type WebhookPolicy } from './webhook-policy.ts';

/** The seed's association types. */
export const USER_LEVEL = 1;
export const CLIENT_LEVEL = 2;
export const CAMPAIGN_LEVEL = 3;
export type AssociationType = typeof USER_LEVEL | typeof CLIENT_LEVEL | typeof CAMPAIGN_LEVEL;

export type WebhookStatus = 'active' | 'paused' | 'disabled' | 'deleted';

/** What a webhook's owner may change. Every change makes a new webhook version. */
export interface WebhookDefinition extends WebhookPolicy {
  readonly name: string | null;
  /** As given by the caller. */
  readonly url: string;
  /** Event type -> wanted; null: every event type about campaigns. */
  readonly eventTypeMap: Readonly<Record<string, boolean>> | null;
  /** Category id as text -> wanted; null or none wanted: no filter. */
  readonly categoryIdMap: Readonly<Record<string, boolean>> | null;
  readonly webhookType: string | null;
}

/** Which campaigns a webhook is about: fixed when it is made. */
export interface WebhookScope {
  readonly association: AssociationType;
  /** The client with CLIENT_LEVEL, the campaign with CAMPAIGN_LEVEL, else null. */
  readonly targetId: number | null;
}

/** All that matching looks at in a webhook. */
export interface Subscription
  extends WebhookScope, Pick<WebhookDefinition, 'eventTypeMap' | 'categoryIdMap'> {
  readonly id: number;
  readonly status: WebhookStatus;
}

export interface NewWebhook extends WebhookScope, WebhookDefinition {
  readonly accountId: number;
  /** `whsec_…`, Standard Webhooks. */
  readonly secret: string;
}

export interface Webhook extends NewWebhook {
  readonly id: number;
  /** The secret before the last rotation; signs too, as long as the overlap lasts. */
  readonly previousSecret: PreviousSecret | null;
  readonly status: WebhookStatus;
  readonly disabledReason: string | null;
  /** The account's version at which this state became true. */
  readonly version: number;
  /** Milliseconds since 1970, as every time in the domain. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A webhook as it is in the moment in which it is made. */
export function madeWebhook(given: NewWebhook, now: number): Omit<Webhook, 'id' | 'version'> {
  return {
    ...given,
    previousSecret: null,
    status: 'active',
    disabledReason: null,
    createdAt: now,
    updatedAt: now,
  };
}

/** What may come to be otherwise in a webhook's life. */
export type WebhookChanges = Partial<
  WebhookDefinition & Pick<Webhook, 'status' | 'disabledReason' | 'secret' | 'previousSecret'>
>;

export interface PreviousSecret {
  readonly secret: string;
  readonly validUntil: number;
}

/** The secrets that sign at a moment, the present one first. */
export function signingSecrets(
  { secret, previousSecret }: Pick<Webhook, 'secret' | 'previousSecret'>,
  now: number,
): readonly string[] {
  return previousSecret === null || now >= previousSecret.validUntil
    ? [secret]
    : [secret, previousSecret.secret];
}

/** What the endpoint has answered of late. */
export interface WebhookHealth {
  readonly lastSuccessAt: number | null;
  readonly lastFailureAt: number | null;
  readonly consecutiveFailures: number;
  /** When its open breaker lets the next probe through; null: closed. */
  readonly nextProbeAt: number | null;
}

export function subscribedEventTypes({
  eventTypeMap: map,
}: Pick<WebhookDefinition, 'eventTypeMap'>): readonly EventType[] {
  return map === null ? CAMPAIGN_EVENT_TYPES : EVENT_TYPES.filter((type) => map[type] === true);
}

/** The wanted categories, or null where there is no filter. */
export function wantedCategories({
  categoryIdMap,
}: Pick<WebhookDefinition, 'categoryIdMap'>): readonly number[] | null {
  const wanted = Object.entries(categoryIdMap ?? {}).filter(([, on]) => on);
  return wanted.length === 0 ? null : wanted.map(([id]) => Number(id)).toSorted((a, b) => a - b);
}

/**
 * The form in which two URLs are compared: WHATWG normalisation (case of scheme and host,
 * default port, dot segments, spellings of an address) without the fragment, which is never sent.
 */
export function normalizedUrl(url: string): string {
  const parsed = new URL(url);
  parsed.hash = '';
  return parsed.href;
}

/** Whether two definitions of similar webhooks ask for the same: what a repeated create call means. */
export function sameDefinition(a: WebhookDefinition, b: WebhookDefinition): boolean {
  return (
    a.name === b.name &&
    a.webhookType === b.webhookType &&
    String(subscribedEventTypes(a)) === String(subscribedEventTypes(b)) &&
    String(wantedCategories(a)) === String(wantedCategories(b)) &&
    samePolicy(a, b)
  );
}
