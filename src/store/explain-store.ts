import type { EventId } from '../domain/ids.ts';
import type { Matchable } from '../domain/match.ts';
import type { Subscription } from '../domain/webhook.ts';
import type { Page, PageRequest } from './store.ts';

/** A webhook as matching saw it when an event was accepted. */
export interface WebhookThen {
  readonly id: number;
  /** As it is called now, since by that it is known. */
  readonly name: string | null;
  /** What it was at the account's version at which the event was matched; null: it was made later. */
  readonly state: Subscription | null;
  /** Whether the event has a delivery to it, pending or ended. */
  readonly hasDelivery: boolean;
}

/** An event as it was matched, and the account's webhooks of then and since. */
export interface WebhooksThen {
  readonly event: Matchable;
  readonly webhooks: Page<WebhookThen>;
}

/** What explaining reads. */
export interface ExplainStore {
  /**
   * Every webhook that the account has or had, newest first, deleted ones among them: each as it was
   * at the account's version at which the event was matched. Clocks have no part in it. Undefined
   * where the account has no such event.
   */
  webhooksThen(
    accountId: number,
    id: EventId,
    page: PageRequest,
  ): Promise<WebhooksThen | undefined>;
}
