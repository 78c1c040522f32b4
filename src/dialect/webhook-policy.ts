import { z } from 'zod';
import { durationText, parseDuration } from '../domain/duration.ts';
import {
  headerNameIssue,
  headerValueIssue,
  NO_POLICY,
  ORDERINGS,
  POLICY_BOUNDS,
  repeatedHeaderNames,
  type WebhookPolicy,
} from '../domain/webhook-policy.ts';
import { kindOf } from './faults.ts';

const { retryWaitMs, timeoutMs, concurrency, rateLimit } = POLICY_BOUNDS;

const waitIssue =
  `must be a time like "5s", "1m" or "2h", from ${durationText(retryWaitMs.min)} ` +
  `to ${durationText(retryWaitMs.max)}`;

const wait = z.string({ error: waitIssue }).transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= retryWaitMs.min && ms <= retryWaitMs.max) return ms;
  context.addIssue({ code: 'custom', message: waitIssue });
  return z.NEVER;
});

function wholeNumber({ min, max }: { readonly min: number; readonly max: number }) {
  const error = ({ input }: { input?: unknown }): string =>
    `must be a whole number from ${min} to ${max}` +
    (typeof input === 'number' ? '' : `, not ${kindOf(input)}`);
  return z.int({ error }).min(min, { error }).max(max, { error });
}

const tooManyHeaders = `must not be more than ${POLICY_BOUNDS.headers}`;

/** Looked at by hand: a record would pass over `__proto__`, and its issues have no names. */
const headers = z
  .unknown()
  .transform((raw, context) => {
    const add = (message: string, ...path: string[]): void =>
      context.addIssue({ code: 'custom', path, message });
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
      add(`must be a JSON object, not ${kindOf(raw)}`);
      return z.NEVER;
    }
    const given = raw as Record<string, unknown>;
    const names = Object.keys(given);
    if (names.length > POLICY_BOUNDS.headers) {
      add(tooManyHeaders);
      return z.NEVER;
    }
    for (const name of names) {
      const value = given[name];
      const issue =
        headerNameIssue(name) ??
        (typeof value === 'string' ? headerValueIssue(value) : `must be text, not ${kind(value)}`);
      if (issue !== undefined) add(issue, name);
    }
    for (const name of repeatedHeaderNames(names)) add('is there twice', name);
    return given as Record<string, string>;
  })
  .meta({ type: 'object', additionalProperties: { type: 'string' } });

function kind(value: unknown): string {
  return value === null ? 'null: values are not kept for you to send back' : kindOf(value);
}

/** The policy fields of create and update. Null is back to the default. */
export const policyFields = {
  retry_schedule: z
    .array(wait)
    .max(POLICY_BOUNDS.retries, { error: `must have at most ${POLICY_BOUNDS.retries} waits` })
    .describe('Waits between attempts, such as ["5s", "1m"]. An empty list: one attempt only.')
    .nullish(),
  timeout_seconds: z
    .number({ error: timeoutIssue })
    .min(timeoutMs.min / 1_000, { error: timeoutIssue })
    .max(timeoutMs.max / 1_000, { error: timeoutIssue })
    .describe('For a whole request.')
    .nullish(),
  concurrency: wholeNumber(concurrency)
    .describe("Requests in flight at once; the server's own limit holds too.")
    .nullish(),
  rate_limit: wholeNumber(rateLimit)
    .describe('Requests a second over the whole cluster, paced evenly.')
    .nullish(),
  headers: headers
    .describe(
      'Name -> value, sent with every request. Values are never shown again. Headers that ' +
        'Posthorn sets, and those of the connection, cannot be replaced.',
    )
    .nullish(),
  ordering: z
    .enum(ORDERINGS)
    .describe(
      "lead: events of one lead one after another in order of acceptance; a failing one holds back its lead's only.",
    )
    .nullish(),
};

function timeoutIssue({ input }: { input?: unknown }): string {
  const range = `must be a number from ${timeoutMs.min / 1_000} to ${timeoutMs.max / 1_000}`;
  return typeof input === 'number' ? range : `${range}, not ${kindOf(input)}`;
}

interface PolicyForm {
  readonly retry_schedule?: number[] | null | undefined;
  readonly timeout_seconds?: number | null | undefined;
  readonly concurrency?: number | null | undefined;
  readonly rate_limit?: number | null | undefined;
  readonly headers?: Record<string, string> | null | undefined;
  readonly ordering?: (typeof ORDERINGS)[number] | null | undefined;
}

export function policyOf(form: PolicyForm): WebhookPolicy {
  return { ...NO_POLICY, ...policyChangesOf(form) };
}

/** Only what the form names. */
export function policyChangesOf(form: PolicyForm): Partial<WebhookPolicy> {
  const { retry_schedule, timeout_seconds, rate_limit, headers: given, ordering } = form;
  return {
    ...(retry_schedule === undefined ? {} : { retrySchedule: retry_schedule }),
    ...(timeout_seconds === undefined ? {} : { timeoutMs: inMilliseconds(timeout_seconds) }),
    ...(form.concurrency === undefined ? {} : { concurrency: form.concurrency }),
    ...(rate_limit === undefined ? {} : { rateLimit: rate_limit }),
    ...(given === undefined ? {} : { headers: isEmpty(given) ? null : given }),
    ...(ordering === undefined ? {} : { ordering: ordering ?? NO_POLICY.ordering }),
  };
}

function inMilliseconds(seconds: number | null): number | null {
  return seconds === null ? null : Math.round(seconds * 1_000);
}

function isEmpty(given: Record<string, string> | null): boolean {
  return given === null || Object.keys(given).length === 0;
}
