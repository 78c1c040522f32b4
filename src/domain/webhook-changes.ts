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
