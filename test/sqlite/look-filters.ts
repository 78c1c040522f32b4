import type { EventId } from '../../src/domain/ids.ts';
import type { DeliveryFilter, EventFilter, WebhookFilter } from '../../src/store/store.ts';
import { FIRST_EVENT_AT } from './filled-file.ts';

export const FROM = FIRST_EVENT_AT + 20_000;
export const TO = FIRST_EVENT_AT + 200_000;

/** All ways to give some of these fields and leave out the others. */
function combinations<Filter extends object>(fields: {
  readonly [Name in keyof Filter]-?: readonly Exclude<Filter[Name], undefined>[];
}): Filter[] {
  return Object.entries<readonly unknown[]>(fields).reduce<Filter[]>(
    (all, [name, values]) =>
      all.flatMap((some) => [some, ...values.map((value) => ({ ...some, [name]: value }))]),
    [{} as Filter],
  );
}

export const EVENT_FILTERS = combinations<EventFilter>({
  leadEmail: ['LEAD1@a.example'],
  campaignId: [2],
  clientId: [1],
  type: ['REPLIED'],
  from: [FROM],
  to: [TO],
});

export function deliveryFilters(eventId: EventId): DeliveryFilter[] {
  return combinations<DeliveryFilter>({
    webhookId: [1, 4],
    eventId: [eventId],
    status: ['pending', 'succeeded', 'exhausted', 'canceled'],
    from: [FROM],
    to: [TO],
  });
}

/** A target is asked for with its association only. */
export const WEBHOOK_FILTERS = combinations<WebhookFilter>({
  association: [3],
  targetId: [1],
  status: ['active', 'deleted'],
}).filter(({ association, targetId }) => targetId === undefined || association !== undefined);
