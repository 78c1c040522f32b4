import { z } from 'zod';
import { id } from '../../dialect/fields.ts';
import { durationText } from '../../domain/duration.ts';
import { CAMPAIGN_EVENT_TYPES } from '../../domain/event.ts';
import {
  CAMPAIGN_LEVEL,
  CLIENT_LEVEL,
  type Webhook,
  type WebhookHealth,
} from '../../domain/webhook.ts';
import { ORDERINGS, type WebhookPolicy } from '../../domain/webhook-policy.ts';
import { count, isoTime, isoTimeOrNull, time } from './envelope.ts';

const switches = z.record(z.string(), z.boolean());

const policyAnswer = {
  retry_schedule: z.array(z.string()).nullable().describe("Null: the server's."),
  timeout_seconds: z.number().nullable(),
  concurrency: z.int().nullable(),
  rate_limit: z.int().nullable(),
  headers: z.array(z.string()).describe('Names only: values are never shown again.'),
  ordering: z.enum(ORDERINGS),
};

export const webhookAnswer = z
  .object({
    id,
    name: z.string().nullable(),
    webhook_url: z.string(),
    association_type: z.literal([1, 2, 3]),
    email_campaign_id: id.nullable(),
    client_id: id.nullable(),
    event_type_map: switches,
    category_id_map: switches,
    webhook_type: z.string().nullable(),
    ...policyAnswer,
    status: z.enum(['active', 'paused', 'disabled', 'deleted']),
    disabled_reason: z.string().nullable(),
    created_at: time,
    updated_at: time,
    health: z.object({
      last_success_at: time.nullable(),
      last_failure_at: time.nullable(),
      consecutive_failures: count,
      breaker: z
        .enum(['closed', 'open'])
        .describe('Open: after repeated failures only a probe is sent now and then.'),
      next_probe_at: time.nullable().describe('Null while the breaker is closed.'),
    }),
  })
  .meta({ id: 'Webhook' });

const EVERY_CAMPAIGN_EVENT_TYPE = Object.fromEntries(
  CAMPAIGN_EVENT_TYPES.map((type) => [type, true]),
);

/** The secret is never part of it. */
export function showWebhook({
  webhook,
  health,
}: {
  webhook: Webhook;
  health: WebhookHealth;
}): z.output<typeof webhookAnswer> {
  const { association, targetId } = webhook;
  return {
    id: webhook.id,
    name: webhook.name,
    webhook_url: webhook.url,
    association_type: association,
    email_campaign_id: association === CAMPAIGN_LEVEL ? targetId : null,
    client_id: association === CLIENT_LEVEL ? targetId : null,
    event_type_map: webhook.eventTypeMap ?? EVERY_CAMPAIGN_EVENT_TYPE,
    category_id_map: webhook.categoryIdMap ?? {},
    webhook_type: webhook.webhookType,
    ...showPolicy(webhook),
    status: webhook.status,
    disabled_reason: webhook.disabledReason,
    created_at: isoTime(webhook.createdAt),
    updated_at: isoTime(webhook.updatedAt),
    health: {
      last_success_at: isoTimeOrNull(health.lastSuccessAt),
      last_failure_at: isoTimeOrNull(health.lastFailureAt),
      consecutive_failures: health.consecutiveFailures,
      breaker: health.nextProbeAt === null ? 'closed' : 'open',
      next_probe_at: isoTimeOrNull(health.nextProbeAt),
    },
  };
}

function showPolicy(policy: WebhookPolicy): z.output<z.ZodObject<typeof policyAnswer>> {
  return {
    retry_schedule: policy.retrySchedule?.map(durationText) ?? null,
    timeout_seconds: policy.timeoutMs === null ? null : policy.timeoutMs / 1_000,
    concurrency: policy.concurrency,
    rate_limit: policy.rateLimit,
    headers: Object.keys(policy.headers ?? {}),
    ordering: policy.ordering,
  };
}
