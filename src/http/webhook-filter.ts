import { z } from 'zod';
import { CAMPAIGN_LEVEL, CLIENT_LEVEL, USER_LEVEL } from '../domain/webhook.ts';
import type { WebhookFilter } from '../store/store.ts';
import { given, idText, page } from './query.ts';

const associationText = z.preprocess(
  (text) => (typeof text === 'string' && /^[123]$/.test(text) ? Number(text) : text),
  z.literal([USER_LEVEL, CLIENT_LEVEL, CAMPAIGN_LEVEL], { error: 'must be 1, 2 or 3' }),
);

export const webhookQuery = z.object({
  ...page,
  association_type: associationText.optional(),
  email_campaign_id: idText.optional(),
  client_id: idText.optional(),
  status: z.enum(['active', 'paused', 'disabled', 'deleted']).optional(),
});

/** A target's id says its association too; undefined where no webhook can have all that is asked. */
export function webhookFilter(query: z.output<typeof webhookQuery>): WebhookFilter | undefined {
  const { association_type, email_campaign_id, client_id, status } = query;
  const asked: WebhookFilter[] = [];
  if (association_type !== undefined) asked.push({ association: association_type });
  if (client_id !== undefined) asked.push({ association: CLIENT_LEVEL, targetId: client_id });
  if (email_campaign_id !== undefined) {
    asked.push({ association: CAMPAIGN_LEVEL, targetId: email_campaign_id });
  }
  if (new Set(asked.map(({ association }) => association)).size > 1) return undefined;
  return Object.assign({}, ...asked, given({ status }));
}
