import { NO_CAMPAIGN } from './event.ts';
import { mismatch, type Matchable, type MismatchReason } from './match.ts';
import {
  CAMPAIGN_LEVEL,
  CLIENT_LEVEL,
  subscribedEventTypes,
  wantedCategories,
  type Subscription,
} from './webhook.ts';

/** Why a webhook got an event, or did not. */
export interface Explanation {
  /** Null where it matched. */
  readonly reason: MismatchReason | null;
  readonly sentence: string;
}

/** A filter may have thousands of categories; a sentence names so many. */
const MOST_NAMED = 10;

/**
 * What the rule of matching says, and that in a sentence too.
 * @param webhook as it was at the account's version at which the event was matched; null: not made yet
 */
export function explain(event: Matchable, webhook: Subscription | null): Explanation {
  const reason = mismatch(event, webhook);
  if (webhook === null || reason === 'created_later') {
    return { reason, sentence: 'The webhook was made after the event was accepted.' };
  }
  return { reason, sentence: sentenceOf(reason, event, webhook) };
}

function sentenceOf(
  reason: Exclude<MismatchReason, 'created_later'> | null,
  event: Matchable,
  webhook: Subscription,
): string {
  switch (reason) {
    case null:
      return matched(event, webhook);
    case 'deleted':
      return 'The webhook had been deleted before the event was accepted.';
    case 'disabled':
      return 'The webhook was disabled when the event was accepted.';
    case 'other_client':
      return `The webhook is for client ${webhook.targetId}; the event is of ${clientOf(event)}.`;
    case 'other_campaign':
      return (
        `The webhook is for campaign ${webhook.targetId}; ` +
        `the event is of ${event.campaignId === NO_CAMPAIGN ? 'none' : `campaign ${event.campaignId}`}.`
      );
    case 'event_type_not_subscribed':
      return `The webhook takes ${typesOf(webhook)}; the event is of type ${event.type}.`;
    case 'about_itself':
      return 'The event is about the webhook itself, which gets none of those.';
    case 'category_filtered':
      return (
        `The webhook takes events in ${categoriesOf(webhook)} only; ` +
        `the event is in ${event.categoryId === null ? 'none' : `category ${event.categoryId}`}.`
      );
  }
}

function matched(event: Matchable, webhook: Subscription): string {
  const category = wantedCategories(webhook) === null ? '' : ` in category ${event.categoryId}`;
  const waits = webhook.status === 'paused' ? '; it was paused, so the delivery had to wait' : '';
  return `The webhook is for ${scopeOf(webhook)} and takes ${event.type} events${category}${waits}.`;
}

function scopeOf({ association, targetId }: Subscription): string {
  if (association === CLIENT_LEVEL) return `client ${targetId}`;
  return association === CAMPAIGN_LEVEL ? `campaign ${targetId}` : 'every campaign';
}

/** The client that counted: the one that the event named, else its campaign's declared one then. */
function clientOf({ clientId, campaignId }: Matchable): string {
  if (clientId !== null) return `client ${clientId}`;
  if (campaignId === NO_CAMPAIGN) return 'none';
  return `none: it named none, and campaign ${campaignId} had none then`;
}

function typesOf(webhook: Subscription): string {
  if (webhook.eventTypeMap === null) return 'the event types about campaigns only';
  const types = subscribedEventTypes(webhook);
  return types.length === 0 ? 'no event type' : `${listed(types)} events only`;
}

function categoriesOf(webhook: Subscription): string {
  const wanted = wantedCategories(webhook) ?? [];
  const more = wanted.length - MOST_NAMED;
  const named: unknown[] = wanted.slice(0, MOST_NAMED);
  if (more > 0) named.push(`${more} more`);
  return `${wanted.length === 1 ? 'category' : 'categories'} ${listed(named)}`;
}

/** `1, 2 and 3` */
function listed(items: readonly unknown[]): string {
  const last = String(items.at(-1));
  return items.length < 2 ? last : `${items.slice(0, -1).join(', ')} and ${last}`;
}
