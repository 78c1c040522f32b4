import { CAMPAIGN_LEVEL, type WebhookScope } from '../domain/webhook.ts';

/** Where the webhook is about no campaign in particular. */
const SOME_CAMPAIGN = 123;

/** What a test call has as its body: the seed's ten fields, and that it is a test. */
export function sampleBody(eventType: string, webhook: WebhookScope, now: number): string {
  const campaign = webhook.association === CAMPAIGN_LEVEL ? webhook.targetId : SOME_CAMPAIGN;
  return JSON.stringify({
    event_type: eventType,
    campaign_id: campaign,
    lead_email: 'jane.doe@example.com',
    lead_first_name: 'Jane',
    lead_last_name: 'Doe',
    email_account: 'sender@example.com',
    subject: 'Re: A sample from Posthorn',
    message: 'This is a test call: nobody has written this.',
    timestamp: new Date(now).toISOString(),
    category_id: 1,
    test: true,
  });
}
