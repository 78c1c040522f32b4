import type { PendingDelivery } from '../../src/domain/delivery.ts';
import { eventIdMaker } from '../../src/domain/ids.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { NO_POLICY } from '../../src/domain/webhook-policy.ts';

const newEventId = eventIdMaker();

export function webhook(id: number, accountId = 1): Webhook {
  return {
    id,
    accountId,
    association: 1,
    targetId: null,
    name: null,
    url: 'https://example.com/',
    eventTypeMap: null,
    categoryIdMap: null,
    webhookType: null,
    ...NO_POLICY,
    previousSecret: null,
    secret: 'whsec_AAAA',
    status: 'active',
    disabledReason: null,
    version: 1,
    createdAt: 0,
    updatedAt: 0,
  };
}

export function delivery(webhookId: number, size = 10): PendingDelivery {
  return {
    accountId: 1,
    eventId: newEventId(),
    webhookId,
    webhookVersion: 1,
    attemptCount: 0,
    nextAttemptAt: 0,
    eventType: 'SENT',
    body: 'x'.repeat(size),
  };
}
