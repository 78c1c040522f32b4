import type { Webhook } from '../../src/domain/webhook.ts';
import { NO_POLICY } from '../../src/domain/webhook-policy.ts';

/** At user level, without any filter or policy. */
export const PLAIN: Webhook = {
  id: 1,
  accountId: 1,
  association: 1,
  targetId: null,
  name: null,
  url: 'https://example.com/',
  eventTypeMap: null,
  categoryIdMap: null,
  webhookType: null,
  ...NO_POLICY,
  previousSecret: null,
  secret: 'whsec_AAAA',
  status: 'active',
  disabledReason: null,
  version: 1,
  createdAt: 0,
  updatedAt: 0,
};
