import { z } from 'zod';
import { DELIVERY_STATUSES } from '../../domain/delivery.ts';
import { PosthornError } from '../../domain/errors.ts';
import { isEventId, parseDeliveryId, type EventId } from '../../domain/ids.ts';
import {
  deliveryAnswer,
  deliverySummary,
  showDelivery,
  showDeliverySummary,
} from '../answers/delivery.ts';
import { answer, errors, list, single } from '../answers/envelope.ts';
import type { Api } from '../api.ts';
import type { HttpDeps } from '../deps.ts';
import { fromBeforeTo, given, idText, page, pageRequest, timeRange } from '../query.ts';

const tags = ['deliveries'];

const deliveryQuery = z
  .object({
    ...page,
    ...timeRange,
    event_id: z
      .custom<EventId>((text) => typeof text === 'string' && isEventId(text), {
        error: 'must be an event id: evt_ and 32 hex digits',
      })
      .meta({ type: 'string' })
      .optional(),
    webhook_id: idText.optional(),
    status: z.enum(DELIVERY_STATUSES).optional().describe('pending includes what is in flight.'),
  })
  .superRefine(fromBeforeTo);

export function deliveryRoutes(api: Api, { look }: Pick<HttpDeps, 'look'>): void {
  const many = {
    tags,
    summary: 'List deliveries',
    querystring: deliveryQuery,
    response: { 200: answer('Newest first.', list(deliverySummary)), ...errors(422) },
  };
  api.get('/deliveries', { schema: many }, async ({ query, principal }) => {
    const filter = given({
      eventId: query.event_id,
      webhookId: query.webhook_id,
      status: query.status,
      from: query.from,
      to: query.to,
    });
    const found = await look.deliveries(principal.accountId, filter, pageRequest(query));
    return {
      ok: true as const,
      data: found.items.map(showDeliverySummary),
      next_cursor: found.nextCursor,
    };
  });
  const one = {
    tags,
    summary: 'Show a delivery with its attempts',
    params: z.object({ id: z.string() }),
    response: { 200: answer('The delivery.', single(deliveryAnswer)), ...errors(404) },
  };
  api.get('/deliveries/:id', { schema: one }, async ({ params, principal }) => {
    const key = parseDeliveryId(params.id);
    const delivery = key && (await look.delivery(principal.accountId, key));
    if (!delivery) throw new PosthornError('not_found', 'There is no such delivery');
    return { ok: true as const, data: showDelivery(delivery) };
  });
}
