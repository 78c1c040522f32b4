import type { Attempt, NextStep } from '../../src/domain/attempt.ts';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import { acceptedAt, eventIdMaker } from '../../src/domain/ids.ts';
import { newSecret } from '../../src/domain/signature.ts';
import { USER_LEVEL, type NewWebhook } from '../../src/domain/webhook.ts';
import { NO_POLICY, type WebhookPolicy } from '../../src/domain/webhook-policy.ts';

export const newEventId = eventIdMaker();

export function anEvent(accountId: number, more: Partial<AcceptedEvent> = {}): AcceptedEvent {
  return {
    id: newEventId(),
    accountId,
    callerEventId: null,
    type: 'REPLIED',
    campaignId: 123,
    clientId: null,
    leadEmail: 'lead@example.com',
    categoryId: null,
    body: '{"event_type":"REPLIED","campaign_id":123}',
    ...more,
  };
}

/** What a record says of the delivery that it is about: of an event that was accepted for this webhook. */
export function deliveryOf(
  { id, accountId }: Pick<AcceptedEvent, 'id' | 'accountId'>,
  webhook: { readonly id: number; readonly version: number },
) {
  return {
    accountId,
    eventId: id,
    webhookId: webhook.id,
    webhookVersion: webhook.version,
    createdAt: acceptedAt(id),
  };
}

/** One that says something of everything. */
export const A_POLICY: WebhookPolicy = {
  retrySchedule: [5_000, 60_000],
  timeoutMs: 2_500,
  concurrency: 3,
  rateLimit: 10,
  headers: { Authorization: 'Bearer abc', 'X-Team': 'crm' },
  ordering: 'lead',
};

export function aWebhook(accountId: number, more: Partial<NewWebhook> = {}): NewWebhook {
  return {
    accountId,
    association: USER_LEVEL,
    targetId: null,
    name: null,
    url: 'https://example.com/hook',
    eventTypeMap: null,
    categoryIdMap: null,
    webhookType: null,
    ...NO_POLICY,
    secret: newSecret(),
    ...more,
  };
}

const STARTED_AT = 1_790_000_000_000;
const HOUR = 3_600_000;

/** Later attempts begin later, so that times tell which one is meant. */
export function anAttempt(number: number, more: Partial<Attempt> = {}): Attempt {
  return {
    number,
    startedAt: STARTED_AT + number * HOUR,
    durationMs: 12 + number,
    outcome: 'delivered',
    url: 'https://example.com/hook',
    signature: 'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
    userAgent: 'Posthorn/0.1.0',
    response: { status: 200, headers: { 'content-type': 'text/plain' }, body: 'ok' },
    error: null,
    ...more,
  };
}

export function endOf({ startedAt, durationMs }: Attempt): number {
  return startedAt + durationMs;
}

/** An attempt with what comes next: what the engine has to record of a delivery. */
export interface Ending {
  readonly attempt: Attempt;
  readonly next: NextStep;
}

export function delivered(number = 1): Ending {
  return { attempt: anAttempt(number), next: { status: 'succeeded' } };
}

export function retryAt(nextAttemptAt: number, number = 1): Ending {
  return { attempt: failure(number), next: { status: 'pending', nextAttemptAt } };
}

export function givenUp(number = 1): Ending {
  return { attempt: failure(number), next: { status: 'exhausted' } };
}

export function answered410(number = 1, disableReason = 'It answered 410.'): Ending {
  const response = { status: 410, headers: {}, body: '' };
  const attempt = anAttempt(number, { outcome: 'rejected', response });
  return { attempt, next: { status: 'canceled', disableReason } };
}

function failure(number: number): Attempt {
  const error = 'The name does not exist.';
  return anAttempt(number, { outcome: 'unreachable', response: null, error });
}
