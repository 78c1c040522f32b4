import { z } from 'zod';
import { noSuchWebhook } from '../../catalog/webhooks.ts';
import { refuseUnknownFields } from '../../dialect/fields.ts';
import { sampleBody } from '../../dialect/sample-event.ts';
import { EVENT_TYPES } from '../../domain/event.ts';
import { subscribedEventTypes } from '../../domain/webhook.ts';
import { attemptAnswer, showAttempt } from '../answers/delivery.ts';
import { answer, done, errors, single } from '../answers/envelope.ts';
import type { Api } from '../api.ts';
import type { HttpDeps } from '../deps.ts';
import { idParam } from '../query.ts';

const tags = ['webhooks'];

const testFields = {
  event_type: z
    .enum(EVENT_TYPES)
    .describe('Left out: the first one that the webhook is subscribed to.')
    .nullish(),
};

const testForm = z.looseObject(testFields).superRefine(refuseUnknownFields(testFields));

type StatusRouteDeps = Pick<HttpDeps, 'webhooks' | 'look' | 'testCalls'>;

/** Pausing, resuming, and trying out. */
export function webhookStatusRoutes(api: Api, deps: StatusRouteDeps): void {
  const { webhooks } = deps;
  const response = { 200: answer('Done.', done), ...errors(400, 404, 409, 413, 415, 422) };
  const pause = {
    tags,
    summary: 'Pause a webhook',
    description:
      'From the answer on nothing is sent (in a cluster within one second). Events match and wait.',
    params: idParam,
    response,
  };
  api.post('/webhook/:id/pause', { schema: pause }, async ({ params, principal }) => {
    await webhooks.pause(principal.accountId, params.id);
    return { ok: true as const };
  });
  const resume = {
    tags,
    summary: 'Resume a webhook',
    description:
      'What waits is sent in order of acceptance. A disabled webhook is active again: events match ' +
      'from now on.',
    params: idParam,
    response,
  };
  api.post('/webhook/:id/resume', { schema: resume }, async ({ params, principal }) => {
    await webhooks.resume(principal.accountId, params.id);
    return { ok: true as const };
  });
  testRoute(api, deps);
}

function testRoute(api: Api, { look, testCalls }: StatusRouteDeps): void {
  const schema = {
    tags,
    summary: 'Send a sample now',
    description:
      'Outside of the queue, also where the webhook is paused or disabled. Answers with the attempt, ' +
      'also where that failed. Nothing is stored.',
    params: idParam,
    body: testForm,
    response: {
      200: answer('The attempt.', single(attemptAnswer)),
      ...errors(400, 404, 413, 415, 422),
    },
  };
  api.post('/webhook/:id/test', { schema }, async ({ params, body, principal }) => {
    const webhook = (await look.webhook(principal.accountId, params.id))?.webhook;
    if (!webhook || webhook.status === 'deleted') throw noSuchWebhook(params.id);
    const eventType = body.event_type ?? subscribedEventTypes(webhook)[0] ?? EVENT_TYPES[0];
    const sample = { eventType, body: sampleBody(eventType, webhook, Date.now()) };
    const { key, attempt } = await testCalls.send(webhook, sample);
    return { ok: true as const, data: showAttempt(key, eventType, attempt) };
  });
}
