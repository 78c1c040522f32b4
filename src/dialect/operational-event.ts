import type { Announcement } from '../domain/announcement.ts';
import { FAILURES_TO_OPEN } from '../domain/breaker.ts';
import { NO_CAMPAIGN, type NewEvent } from '../domain/event.ts';
import { deliveryId } from '../domain/ids.ts';
import { CAMPAIGN_LEVEL, CLIENT_LEVEL, type Webhook } from '../domain/webhook.ts';

/** What an operational event tells of its webhook: never its URL, which may carry a token. */
export type AnnouncedWebhook = Pick<Webhook, 'id' | 'name' | 'association' | 'targetId'>;

/**
 * The event that is made of an announcement. A delivery's has the campaign and the client of the event
 * that was not delivered, a webhook's those that it is for. None has a lead or a category.
 */
export function operationalEvent(announcement: Announcement, webhook: AnnouncedWebhook): NewEvent {
  const { accountId, type, delivery } = announcement;
  const { association, targetId } = webhook;
  const ofWebhook = {
    campaignId: (association === CAMPAIGN_LEVEL ? targetId : null) ?? NO_CAMPAIGN,
    clientId: association === CLIENT_LEVEL ? targetId : null,
  };
  const { campaignId, clientId } = delivery ?? ofWebhook;
  return {
    accountId,
    callerEventId: null,
    type,
    campaignId,
    clientId,
    leadEmail: null,
    categoryId: null,
    aboutWebhookId: webhook.id,
    body: renderBody(announcement, webhook, campaignId),
  };
}

/**
 * The seed's ten fields, then what is particular to it. Whoever gets an event about a webhook has it in
 * its own scope, but for deliveries: a client's webhook hears of those of the client's events, also where
 * they were for a webhook of the whole account, whose name is not the client's to know.
 */
function renderBody(
  { type, at, reason, delivery }: Announcement,
  webhook: AnnouncedWebhook,
  campaignId: number,
): string {
  return JSON.stringify({
    event_type: type,
    campaign_id: campaignId === NO_CAMPAIGN ? null : campaignId,
    lead_email: null,
    lead_first_name: null,
    lead_last_name: null,
    email_account: null,
    subject: null,
    message: null,
    timestamp: new Date(at).toISOString(),
    category_id: null,
    webhook_id: webhook.id,
    ...(delivery ? {} : { webhook_name: webhook.name }),
    reason: reason ?? reasonOf(type),
    ...(delivery && {
      delivery_id: deliveryId({ eventId: delivery.eventId, webhookId: webhook.id }),
      event_id: delivery.eventId,
      exhausted_event_type: delivery.eventType,
      attempt_count: delivery.attemptCount,
    }),
  });
}

function reasonOf(type: Announcement['type']): string | null {
  switch (type) {
    case 'WEBHOOK_FAILING':
      return `${FAILURES_TO_OPEN} attempts in a row have failed.`;
    case 'WEBHOOK_RECOVERED':
      return 'An attempt has succeeded.';
    case 'WEBHOOK_DISABLED':
    case 'DELIVERY_EXHAUSTED':
      return null;
  }
}
