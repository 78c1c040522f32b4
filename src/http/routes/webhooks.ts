import { z } from 'zod';
import { noSuchWebhook } from '../../catalog/webhooks.ts';
import { id, unknownFieldWarnings } from '../../dialect/fields.ts';
import {
  changesOf,
  createWarnings,
  definitionOf,
  deleteForm,
  scopeOf,
  silentTargetWarning,
  webhookForms,
} from '../../dialect/seed-webhook.ts';
import { answer, done, errors, list, ok, single, warnings } from '../answers/envelope.ts';
import { showWebhook, webhookAnswer } from '../answers/webhook.ts';
import type { Api } from '../api.ts';
import type { HttpDeps } from '../deps.ts';
import { idParam, pageRequest } from '../query.ts';
import { webhookFilter, webhookQuery } from '../webhook-filter.ts';

const tags = ['webhooks'];

const createdAnswer = z.object({
  ok,
  id,
  webhook_url: z.string().describe('As given.'),
  secret: z
    .string()
    .optional()
    .describe('Signs what is sent (Standard Webhooks). Shown once, not where existing is true.'),
  existing: z.boolean().describe('Whether the same webhook was there already.'),
  warnings,
});

type WebhookRouteDeps = Pick<HttpDeps, 'webhooks' | 'look' | 'urlRules'>;

export function webhookRoutes(api: Api, deps: WebhookRouteDeps): void {
  createRoute(api, deps);
  updateRoute(api, deps);
  deleteRoutes(api, deps);
  showRoutes(api, deps);
}

function createRoute(api: Api, { webhooks, urlRules }: WebhookRouteDeps): void {
  const forms = webhookForms(urlRules);
  const schema = {
    tags,
    summary: 'Create a webhook',
    description:
      'A repeated call with the same definition answers the webhook that exists. A similar one ' +
      '(same target and URL) with another definition is a 422 `similar_webhook_exists` with ' +
      '`existing_webhook_id`, unless `force_create` is true.',
    body: forms.create,
    response: {
      200: answer('Created, or there already.', createdAnswer),
      ...errors(400, 413, 415, 422),
    },
  };
  api.post('/webhook/create', { schema }, async ({ body, principal }) => {
    const scope = scopeOf(body);
    const result = await webhooks.create(
      { accountId: principal.accountId, ...scope, ...definitionOf(body) },
      body.force_create ?? false,
    );
    const { webhook } = result;
    const existing = result.kind === 'existing';
    return {
      ok: true as const,
      id: webhook.id,
      webhook_url: body.webhook_url,
      ...(existing ? {} : { secret: webhook.secret }),
      existing,
      warnings: [
        ...(result.targetHasEvents ? [] : [silentTargetWarning(scope)]),
        ...createWarnings(forms, body),
      ],
    };
  });
}

function updateRoute(api: Api, { webhooks, look, urlRules }: WebhookRouteDeps): void {
  const { update } = webhookForms(urlRules);
  const schema = {
    tags,
    summary: 'Change a webhook',
    description: 'Fields left out stay as they are. Deliveries already pending go to the new URL.',
    params: idParam,
    body: update,
    response: {
      200: answer('The webhook as it is now.', single(webhookAnswer).extend({ warnings })),
      ...errors(400, 404, 413, 415, 422),
    },
  };
  api.put('/webhook/update/:id', { schema }, async ({ params, body, principal }) => {
    const { accountId } = principal;
    await webhooks.update(accountId, params.id, changesOf(body));
    const shown = await look.webhook(accountId, params.id);
    if (!shown) throw noSuchWebhook(params.id);
    return {
      ok: true as const,
      data: showWebhook(shown),
      warnings: unknownFieldWarnings(update, body),
    };
  });
}

function deleteRoutes(api: Api, { webhooks }: WebhookRouteDeps): void {
  const common = {
    tags,
    description: 'Its pending deliveries become canceled; history stays.',
    response: { 200: answer('Deleted.', done), ...errors(400, 404, 413, 415, 422) },
  };
  const byPath = { ...common, summary: 'Delete a webhook', params: idParam };
  api.delete('/webhook/delete/:id', { schema: byPath }, async ({ params, principal }) => {
    await webhooks.delete(principal.accountId, params.id);
    return { ok: true as const };
  });
  const byBody = { ...common, summary: 'Delete a webhook named in the body', body: deleteForm };
  api.delete('/webhook/delete', { schema: byBody }, async ({ body, principal }) => {
    await webhooks.delete(principal.accountId, body.id);
    return { ok: true as const };
  });
}

function showRoutes(api: Api, { look }: WebhookRouteDeps): void {
  const one = {
    tags,
    summary: 'Show a webhook',
    description: 'A deleted one is shown with status `deleted`.',
    params: idParam,
    response: { 200: answer('The webhook.', single(webhookAnswer)), ...errors(404, 422) },
  };
  api.get('/webhook/:id', { schema: one }, async ({ params, principal }) => {
    const shown = await look.webhook(principal.accountId, params.id);
    if (!shown) throw noSuchWebhook(params.id);
    return { ok: true as const, data: showWebhook(shown) };
  });
  const many = {
    tags,
    summary: 'List webhooks',
    querystring: webhookQuery,
    response: { 200: answer('Newest first.', list(webhookAnswer)), ...errors(422) },
  };
  api.get('/webhook', { schema: many }, async ({ query, principal }) => {
    const filter = webhookFilter(query);
    if (!filter) return { ok: true as const, data: [], next_cursor: null };
    const found = await look.webhooks(principal.accountId, filter, pageRequest(query));
    return { ok: true as const, data: found.items.map(showWebhook), next_cursor: found.nextCursor };
  });
}
