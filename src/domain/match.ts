import type { AcceptedEvent } from './event.ts';
import {
  CAMPAIGN_LEVEL,
  CLIENT_LEVEL,
  subscribedEventTypes,
  wantedCategories,
  type Subscription,
} from './webhook.ts';

/** Why a webhook did not get an event, in the order in which reasons are looked for. */
export const MISMATCH_REASONS = [
  'created_later',
  'deleted',
  'disabled',
  'other_client',
  'other_campaign',
  'event_type_not_subscribed',
  'about_itself',
  'category_filtered',
] as const;
export type MismatchReason = (typeof MISMATCH_REASONS)[number];

/** What matching looks at in an event. `clientId` is the one that counts: named or declared. */
export type Matchable = Pick<
  AcceptedEvent,
  'type' | 'campaignId' | 'clientId' | 'categoryId' | 'aboutWebhookId'
>;

/**
 * The rule of matching, said once: null where the webhook gets the event, else the first
 * true reason why not. `WebhookIndex` is the same rule by look-up.
 * @param webhook as it was at the account's version at which the event was matched; null: not made yet
 */
export function mismatch(event: Matchable, webhook: Subscription | null): MismatchReason | null {
  if (webhook === null) return 'created_later';
  if (webhook.status === 'deleted') return 'deleted';
  if (webhook.status === 'disabled') return 'disabled';
  if (webhook.association === CLIENT_LEVEL && webhook.targetId !== event.clientId) {
    return 'other_client';
  }
  if (webhook.association === CAMPAIGN_LEVEL && webhook.targetId !== event.campaignId) {
    return 'other_campaign';
  }
  if (!subscribedEventTypes(webhook).includes(event.type)) return 'event_type_not_subscribed';
  if (webhook.id === event.aboutWebhookId) return 'about_itself';
  const wanted = wantedCategories(webhook);
  if (wanted !== null && (event.categoryId === null || !wanted.includes(event.categoryId))) {
    return 'category_filtered';
  }
  return null;
}
