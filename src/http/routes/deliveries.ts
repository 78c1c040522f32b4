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
import { answer, done, errors, list, single } from '../answers/envelope.ts';
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

export function deliveryRoutes(api: Api, { look, redos }: Pick<HttpDeps, 'look' | 'redos'>): void {
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
    if (!delivery) throw noSuchDelivery();
    return { ok: true as const, data: showDelivery(delivery) };
  });
  retryRoute(api, redos);
}

function retryRoute(api: Api, redos: HttpDeps['redos']): void {
  const schema = {
    tags,
    summary: 'Send a delivery again, once',
    description:
      'Puts a delivery that has ended back to pending, due now, for one attempt more: where that fails ' +
      'it is exhausted, whatever the retry schedule says. It goes out before all else that waits for its ' +
      'webhook, also while the breaker is open. Of a paused webhook it waits. Pending ones, ' +
      'and those of a disabled or deleted webhook, are a 409.',
    params: z.object({ id: z.string() }),
    response: { 200: answer('It is pending.', done), ...errors(400, 404, 409, 413, 415) },
  };
  api.post('/deliveries/:id/retry', { schema }, async ({ params, principal }) => {
    const key = parseDeliveryId(params.id);
    if (!key) throw noSuchDelivery();
    await redos.retry(principal.accountId, key);
    return { ok: true as const };
  });
}

function noSuchDelivery(): PosthornError {
  return new PosthornError('not_found', 'There is no such delivery');
}
