import type { EventId } from '../domain/ids.ts';

/** A webhook as one node names it to another. */
export interface WebhookName {
  readonly accountId: number;
  readonly webhookId: number;
}

/** A delivery that a person has put back for one attempt more, now. */
export interface RetriedDelivery extends WebhookName {
  readonly eventId: EventId;
}

/** What one node hears of the others. */
export interface SignalListener {
  /** Other nodes have accepted deliveries for these webhooks. */
  pending(webhooks: readonly WebhookName[]): void;
  /** Deliveries that a person wants to be sent now. */
  retried(deliveries: readonly RetriedDelivery[]): void;
  /** An account's webhooks or campaigns have changed, up to this version. */
  accountChanged(accountId: number, version: number): void;
  /** Signals may have been lost: look at everything. Called now and then in any case. */
  missed(): void;
}

/**
 * How the nodes of a cluster tell each other what they would else find later. Hints only: every
 * one of them may be lost. Changes of accounts are announced by the changing verbs themselves.
 */
export interface SignalStore {
  /** Tells the other nodes of deliveries accepted here: collected, sent soon, outside of any commit. */
  announcePending(webhooks: readonly WebhookName[]): void;
  /** Tells the other nodes of a delivery that was retried here, in the same way. */
  announceRetried(delivery: RetriedDelivery): void;
  /** One listener; `null` ends it. */
  listen(listener: SignalListener | null): void;
}
