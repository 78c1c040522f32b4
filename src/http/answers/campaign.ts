import { z } from 'zod';
import { id } from '../../dialect/fields.ts';
import type { Campaign } from '../../store/store.ts';
import { isoTime, time } from './envelope.ts';

export const campaignAnswer = z
  .object({
    id,
    name: z.string().nullable(),
    client_id: id.nullable(),
    status: z.string().nullable(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'Campaign' });

export function showCampaign(campaign: Campaign): z.output<typeof campaignAnswer> {
  return {
    id: campaign.id,
    name: campaign.name,
    client_id: campaign.clientId,
    status: campaign.status,
    created_at: isoTime(campaign.createdAt),
    updated_at: isoTime(campaign.updatedAt),
  };
}
