import type { CachedAccount } from '../catalog/account-cache.ts';
import type { NewEvent } from '../domain/event.ts';
import type { EventId } from '../domain/ids.ts';
import type { AcceptEntry } from '../store/store.ts';

/** An event with the deliveries that follow from its account's webhooks, as of the account's version. */
export function matched(account: CachedAccount, given: NewEvent, id: EventId): AcceptEntry {
  const event = { ...given, id, clientId: account.clientOf(given) };
  const deliveries = account.webhooks.match(event).map(({ id: webhookId, version, ordering }) => ({
    webhookId,
    webhookVersion: version,
    inOrder: ordering !== 'none',
  }));
  return { event, accountVersion: account.version, deliveries };
}
