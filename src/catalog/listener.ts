import type { Webhook } from '../domain/webhook.ts';

/**
 * Who has to know of a change before its caller is answered: the accounts in memory, so that no
 * later event misses a webhook, and the engine, so that nothing more is sent to a deleted one.
 */
export interface CatalogListener {
  webhookChanged(webhook: Webhook): Promise<void> | void;
  /** It is active again: what waits in the store for it has to be found. */
  webhookResumed(webhook: Webhook): Promise<void> | void;
  campaignDeclared(
    accountId: number,
    version: number,
    campaignId: number,
    clientId: number | null,
  ): Promise<void> | void;
}
