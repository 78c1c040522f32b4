import type { CachedAccount } from '../catalog/account-cache.ts';
import type { PendingDelivery } from '../domain/delivery.ts';
import { acceptedAt } from '../domain/ids.ts';
import type { Webhook } from '../domain/webhook.ts';
import type { WebhookName } from '../store/signal-store.ts';
import type { AcceptEntry } from '../store/store.ts';

/** A delivery of a fresh commit, with its webhook as it is now. */
export interface FreshDelivery {
  readonly delivery: PendingDelivery;
  readonly webhook: Webhook;
}

/**
 * The deliveries of events that a commit brought to the disk, ready to be sent without reading them
 * back. With the webhooks as they are now: one may have been changed since it matched, and one that
 * was deleted gets nothing. `unknown`: those whose account is not in memory at this moment.
 */
export function freshDeliveries(
  entries: readonly AcceptEntry[],
  accounts: { get(accountId: number): CachedAccount | undefined },
): { fresh: FreshDelivery[]; unknown: WebhookName[] } {
  const fresh: FreshDelivery[] = [];
  const unknown: WebhookName[] = [];
  for (const { event, deliveries } of entries) {
    const { accountId } = event;
    const account = accounts.get(accountId);
    for (const { webhookId, webhookVersion } of deliveries) {
      const webhook = account?.webhooks.get(webhookId);
      if (webhook) {
        fresh.push({ webhook, delivery: pendingDelivery(event, webhookId, webhookVersion) });
      } else if (!account) {
        unknown.push({ accountId, webhookId });
      }
    }
  }
  return { fresh, unknown };
}

function pendingDelivery(
  { accountId, id, type, body }: AcceptEntry['event'],
  webhookId: number,
  webhookVersion: number,
): PendingDelivery {
  const createdAt = acceptedAt(id);
  return {
    accountId,
    eventId: id,
    webhookId,
    webhookVersion,
    attemptCount: 0,
    nextAttemptAt: createdAt,
    createdAt,
    eventType: type,
    body,
  };
}
