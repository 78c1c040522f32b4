import { z } from 'zod';
import { optionalId, unknownFieldWarnings } from '../../dialect/fields.ts';
import { PosthornError } from '../../domain/errors.ts';
import { campaignAnswer, showCampaign } from '../answers/campaign.ts';
import { answer, errors, single, warnings } from '../answers/envelope.ts';
import type { Api } from '../api.ts';
import type { HttpDeps } from '../deps.ts';
import { idParam } from '../query.ts';

const tags = ['campaigns'];

const declareForm = z.looseObject({
  name: z.string().max(1_000).nullish(),
  client_id: optionalId.describe('Events of the campaign count for this client.'),
  status: z.string().max(64).nullish(),
});

export function campaignRoutes(
  api: Api,
  { campaigns, look }: Pick<HttpDeps, 'campaigns' | 'look'>,
): void {
  const declare = {
    tags,
    summary: 'Declare a campaign',
    description: 'Gives a campaign a name, a client and a status. Fields left out stay.',
    params: idParam,
    body: declareForm,
    response: {
      200: answer('The campaign as it is now.', single(campaignAnswer).extend({ warnings })),
      ...errors(400, 413, 415, 422),
    },
  };
  api.put('/campaigns/:id', { schema: declare }, async ({ params, body, principal }) => {
    const campaign = await campaigns.declare(principal.accountId, params.id, {
      name: body.name ?? null,
      clientId: body.client_id ?? null,
      status: body.status ?? null,
    });
    return {
      ok: true as const,
      data: showCampaign(campaign),
      warnings: unknownFieldWarnings(declareForm, body),
    };
  });
  const show = {
    tags,
    summary: 'Show a campaign',
    params: idParam,
    response: { 200: answer('The campaign.', single(campaignAnswer)), ...errors(404, 422) },
  };
  api.get('/campaigns/:id', { schema: show }, async ({ params, principal }) => {
    const campaign = await look.campaign(principal.accountId, params.id);
    if (!campaign) throw new PosthornError('not_found', `There is no campaign ${params.id}`);
    return { ok: true as const, data: showCampaign(campaign) };
  });
}
