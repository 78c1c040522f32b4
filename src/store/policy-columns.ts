import type { Ordering, WebhookPolicy } from '../domain/webhook-policy.ts';

/** A webhook's policy as its row has it; an adapter that has JSON as text names that. */
export interface PolicyRow<
  Schedule = WebhookPolicy['retrySchedule'],
  Headers = WebhookPolicy['headers'],
> {
  readonly retry_schedule: Schedule;
  readonly timeout_ms: number | null;
  readonly concurrency: number | null;
  readonly rate_limit: number | null;
  readonly headers: Headers;
  readonly ordering: Ordering;
}

export const POLICY_COLUMNS = [
  'retry_schedule',
  'timeout_ms',
  'concurrency',
  'rate_limit',
  'headers',
  'ordering',
] as const satisfies readonly (keyof PolicyRow)[];

export function policyOf(row: PolicyRow): WebhookPolicy {
  return {
    retrySchedule: row.retry_schedule,
    timeoutMs: row.timeout_ms,
    concurrency: row.concurrency,
    rateLimit: row.rate_limit,
    headers: row.headers,
    ordering: row.ordering,
  };
}

/** In the order of the columns; lists and maps as JSON. */
export function policyValues(policy: WebhookPolicy): (string | number | null)[] {
  return [
    policy.retrySchedule && JSON.stringify(policy.retrySchedule),
    policy.timeoutMs,
    policy.concurrency,
    policy.rateLimit,
    policy.headers && JSON.stringify(policy.headers),
    policy.ordering,
  ];
}
