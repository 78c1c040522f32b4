import type { Webhook, WebhookChanges } from './webhook.ts';
import { webhookTransition, type WebhookTransition } from './webhook-status.ts';

/** What a transition changes; null: nothing, it is so already; undefined: it is not allowed. */
export function statusChange(
  webhook: Pick<Webhook, 'status'>,
  by: Exclude<WebhookTransition, 'disable'>,
): WebhookChanges | null | undefined {
  const status = webhookTransition(webhook.status, by);
  if (status === undefined || status === webhook.status) return status && null;
  return { status, disabledReason: null };
}

/** What a change means for what is known of the webhook's health; null: nothing. */
export type HealthReset =
  /** It was disabled, and begins anew. */
  | 'fresh'
  /** It has another URL, which has to show by itself what it is worth. */
  | 'elsewhere';

export function healthReset(
  before: Pick<Webhook, 'status' | 'url'>,
  after: Pick<Webhook, 'status' | 'url'>,
): HealthReset | null {
  if (before.status === 'disabled' && after.status === 'active') return 'fresh';
  return before.url === after.url ? null : 'elsewhere';
}

/** What another secret changes; undefined while the one before the present one still signs. */
export function rotation(
  { secret: present, previousSecret }: Pick<Webhook, 'secret' | 'previousSecret'>,
  secret: string,
  overlapMs: number,
  now: number,
): WebhookChanges | undefined {
  if (previousSecret !== null && now < previousSecret.validUntil) return undefined;
  const left = overlapMs > 0 ? { secret: present, validUntil: now + overlapMs } : null;
  return { secret, previousSecret: left };
}
