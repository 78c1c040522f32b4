import { z } from 'zod';
import type { Campaign } from '../../store/store.ts';
import { isoTime, time } from './envelope.ts';

export const campaignAnswer = z
  .object({
    id: z.int(),
    name: z.string().nullable(),
    client_id: z.int().nullable(),
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
