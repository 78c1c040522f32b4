import type { PendingDelivery } from '../../src/domain/delivery.ts';
import { eventIdMaker } from '../../src/domain/ids.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { PLAIN } from '../domain/plain-webhook.ts';

const newEventId = eventIdMaker();

export function webhook(id: number, accountId = 1): Webhook {
  return { ...PLAIN, id, accountId };
}

export function delivery(webhookId: number, size = 10): PendingDelivery {
  return {
    accountId: 1,
    eventId: newEventId(),
    webhookId,
    webhookVersion: 1,
    attemptCount: 0,
    nextAttemptAt: 0,
    createdAt: 0,
    eventType: 'SENT',
    body: 'x'.repeat(size),
  };
}
