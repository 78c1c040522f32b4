import { z } from 'zod';
import { noSuchWebhook } from '../../catalog/webhooks.ts';
import { refuseUnknownFields } from '../../dialect/fields.ts';
import type { Webhook } from '../../domain/webhook.ts';
import { answer, errors, isoTime, single, time } from '../answers/envelope.ts';
import type { Api } from '../api.ts';
import type { HttpDeps } from '../deps.ts';
import { idParam } from '../query.ts';

const tags = ['webhooks'];

const DEFAULT_OVERLAP_HOURS = 24;
const MAX_OVERLAP_HOURS = 168;
const HOUR = 3_600_000;

const secretAnswer = z.object({
  secret: z.string().describe('Signs what is sent (Standard Webhooks).'),
  previous_valid_until: time
    .nullable()
    .describe('Until then the secret before this one signs too; null: there is none.'),
});

const overlapIssue = `must be a whole number from 0 to ${MAX_OVERLAP_HOURS}`;

const rotateFields = {
  overlap_hours: z
    .int({ error: overlapIssue })
    .min(0, { error: overlapIssue })
    .max(MAX_OVERLAP_HOURS, { error: overlapIssue })
    .describe(`How long both secrets sign. Left out: ${DEFAULT_OVERLAP_HOURS}.`)
    .nullish(),
};

/** Misspelt, an overlap of 0 would be a day in which a secret that has leaked goes on signing. */
const rotateForm = z.looseObject(rotateFields).superRefine(refuseUnknownFields(rotateFields));

export function webhookSecretRoutes(
  api: Api,
  { webhooks, look }: Pick<HttpDeps, 'webhooks' | 'look'>,
): void {
  const shown = answer('The secret as it is now.', single(secretAnswer));
  const show = {
    tags,
    summary: "Show a webhook's signing secret",
    params: idParam,
    response: { 200: shown, ...errors(404, 422) },
  };
  api.get('/webhook/:id/secret', { schema: show }, async ({ params, principal }) => {
    const webhook = (await look.webhook(principal.accountId, params.id))?.webhook;
    if (!webhook || webhook.status === 'deleted') throw noSuchWebhook(params.id);
    return { ok: true as const, data: showSecret(webhook, Date.now()) };
  });
  const rotate = {
    tags,
    summary: "Replace a webhook's signing secret",
    description:
      'In the overlap each request has two signatures, so that receivers can change over. Rotating ' +
      'again before it has ended is a 409.',
    params: idParam,
    body: rotateForm,
    response: { 200: shown, ...errors(400, 404, 409, 413, 415, 422) },
  };
  api.post(
    '/webhook/:id/secret/rotate',
    { schema: rotate },
    async ({ params, body, principal }) => {
      const overlapMs = (body.overlap_hours ?? DEFAULT_OVERLAP_HOURS) * HOUR;
      const webhook = await webhooks.rotateSecret(principal.accountId, params.id, overlapMs);
      return { ok: true as const, data: showSecret(webhook, Date.now()) };
    },
  );
}

function showSecret(
  { secret, previousSecret }: Webhook,
  now: number,
): z.output<typeof secretAnswer> {
  const valid = previousSecret !== null && previousSecret.validUntil > now;
  return { secret, previous_valid_until: valid ? isoTime(previousSecret.validUntil) : null };
}
