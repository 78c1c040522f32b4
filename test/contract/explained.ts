import assert from 'node:assert/strict';
import { explain } from '../../src/domain/explain.ts';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import type { MismatchReason } from '../../src/domain/match.ts';
import type { WebhookThen } from '../../src/store/explain-store.ts';
import { everyPage } from './pages.ts';
import type { TestAccount } from './test-account.ts';

/** What an event's explanation says of one webhook. */
export interface Explained {
  readonly id: number;
  /** The first true reason, or `matched`. */
  readonly why: MismatchReason | 'matched';
  readonly hasDelivery: boolean;
}

/** Of every webhook that the account has or had, newest first, as the API would tell it. */
export async function explained(
  account: TestAccount,
  { id, type, campaignId, clientId, categoryId }: AcceptedEvent,
  limit?: number,
): Promise<Explained[]> {
  const event = { type, campaignId, clientId, categoryId };
  const webhooks = await everyPage<WebhookThen>(async (page) => {
    const found = await account.store.webhooksThen(account.id, id, page);
    assert.ok(found, 'there is no such event');
    assert.deepEqual(found.event, event);
    return found.webhooks;
  }, limit);
  return webhooks.map((webhook) => ({
    id: webhook.id,
    why: explain(event, webhook.state).reason ?? 'matched',
    hasDelivery: webhook.hasDelivery,
  }));
}

export async function whyNot(
  account: TestAccount,
  event: AcceptedEvent,
): Promise<Record<number, Explained['why']>> {
  return Object.fromEntries((await explained(account, event)).map(({ id, why }) => [id, why]));
}
