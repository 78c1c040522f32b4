import { z } from 'zod';
import { PosthornError } from '../../domain/errors.ts';
import { EVENT_TYPES } from '../../domain/event.ts';
import { isEventId } from '../../domain/ids.ts';
import { answer, errors, list, single } from '../answers/envelope.ts';
import { eventAnswer, eventSummary, showEvent, showEventSummary } from '../answers/event.ts';
import { explanationAnswer, showExplanation } from '../answers/explanation.ts';
import type { Api } from '../api.ts';
import type { HttpDeps } from '../deps.ts';
import { fromBeforeTo, given, idText, page, pageRequest, timeRange } from '../query.ts';

const tags = ['events'];

const eventQuery = z
  .object({
    ...page,
    ...timeRange,
    event_type: z.enum(EVENT_TYPES).optional(),
    campaign_id: idText.optional(),
    client_id: idText.optional(),
    lead_email: z.string().optional().describe('Without regard to case.'),
  })
  .superRefine(fromBeforeTo);

export function eventRoutes(api: Api, { look }: Pick<HttpDeps, 'look'>): void {
  const many = {
    tags,
    summary: 'List events',
    querystring: eventQuery,
    response: { 200: answer('Newest first.', list(eventSummary)), ...errors(422) },
  };
  api.get('/events', { schema: many }, async ({ query, principal }) => {
    const filter = given({
      type: query.event_type,
      campaignId: query.campaign_id,
      clientId: query.client_id,
      leadEmail: query.lead_email,
      from: query.from,
      to: query.to,
    });
    const found = await look.events(principal.accountId, filter, pageRequest(query));
    return {
      ok: true as const,
      data: found.items.map(showEventSummary),
      next_cursor: found.nextCursor,
    };
  });
  const one = {
    tags,
    summary: 'Show an event',
    params: z.object({ id: z.string() }),
    response: { 200: answer('The event.', single(eventAnswer)), ...errors(404) },
  };
  api.get('/events/:id', { schema: one }, async ({ params: { id }, principal }) => {
    const event = isEventId(id) ? await look.event(principal.accountId, id) : undefined;
    if (!event) throw noSuchEvent();
    return { ok: true as const, data: showEvent(event) };
  });
  explainRoute(api, look);
}

function explainRoute(api: Api, look: HttpDeps['look']): void {
  const schema = {
    tags,
    summary: 'Explain which webhooks an event went to, and why not to the others',
    description:
      'Every webhook that the account has or had, newest first, as it was when the event was ' +
      'accepted: what was changed later does not change the answer. A paused webhook matches; ' +
      'its deliveries wait.',
    params: z.object({ id: z.string() }),
    querystring: z.object(page),
    response: {
      200: answer('The newest webhook first.', list(explanationAnswer)),
      ...errors(404, 422),
    },
  };
  api.get('/events/:id/explain', { schema }, async ({ params: { id }, query, principal }) => {
    if (!isEventId(id)) throw noSuchEvent();
    const found = await look.webhooksThen(principal.accountId, id, pageRequest(query));
    if (!found) throw noSuchEvent();
    const { event, webhooks } = found;
    return {
      ok: true as const,
      data: webhooks.items.map((webhook) => showExplanation(id, event, webhook)),
      next_cursor: webhooks.nextCursor,
    };
  });
}

function noSuchEvent(): PosthornError {
  return new PosthornError('not_found', 'There is no such event');
}
