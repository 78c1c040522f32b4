import type { NextStep, Outcome } from './attempt.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Waits between attempts in milliseconds: nine attempts in all. */
export const DEFAULT_RETRY_SCHEDULE: readonly number[] = [
  5 * SECOND,
  1 * MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  1 * HOUR,
  6 * HOUR,
  12 * HOUR,
  24 * HOUR,
];

const JITTER = 0.2;
const LONGEST_RETRY_AFTER = 24 * HOUR;
const GONE = 410;
const TOO_MANY_REQUESTS = 429;
const SERVICE_UNAVAILABLE = 503;

/**
 * How soon a delivery is due again whose webhook got another URL while the old one answered 410: by
 * then every node knows the new one.
 */
export const MOVED_WAIT_MS = SECOND;

/** What the decision looks at in an attempt. */
export interface AttemptResult {
  /** 1 for the first attempt of its schedule. */
  readonly number: number;
  readonly outcome: Outcome;
  readonly responseStatus: number | null;
  /** The answer's `Retry-After` header as it stood. */
  readonly retryAfter: string | null;
}

/** A delivery that was put back for one attempt more: it has no schedule. */
export const ONE_ATTEMPT = -1;

/**
 * Where an attempt stands in which schedule. Attempts are numbered on when a delivery was put back, and
 * its schedule begins anew.
 * @param base the attempts before it was put back, or `ONE_ATTEMPT`
 */
export function scheduled(
  number: number,
  schedule: readonly number[],
  base = 0,
): { readonly number: number; readonly schedule: readonly number[] } {
  return base === ONE_ATTEMPT ? { number, schedule: [] } : { number: number - base, schedule };
}

/**
 * What comes after an attempt: done, again at a time, given up, or the webhook disabled (410).
 * @param random from 0 to 1, spread to ±20 % of the wait
 */
export function nextStep(
  attempt: AttemptResult,
  schedule: readonly number[],
  now: number,
  random: number,
): NextStep {
  if (attempt.outcome === 'delivered') return { status: 'succeeded' };
  if (attempt.responseStatus === GONE) {
    return { status: 'canceled', disableReason: 'The endpoint answered 410 Gone.' };
  }
  const wait = schedule[attempt.number - 1];
  if (wait === undefined) return { status: 'exhausted' };
  const jittered = Math.round(wait * (1 - JITTER + 2 * JITTER * random));
  const asked = asksForPatience(attempt.responseStatus) ? retryAfterMs(attempt.retryAfter, now) : 0;
  return { status: 'pending', nextAttemptAt: now + Math.max(jittered, asked) };
}

function asksForPatience(status: number | null): boolean {
  return status === TOO_MANY_REQUESTS || status === SERVICE_UNAVAILABLE;
}

/** RFC 9110, 10.2.3: seconds or an HTTP date; 0 where it is neither; 24 hours at most. */
function retryAfterMs(header: string | null, now: number): number {
  if (header === null) return 0;
  const text = header.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * SECOND : httpDate(text) - now;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER);
}

/** Only texts that begin with a weekday: `Date.parse` alone takes "5 apples" for a date. */
function httpDate(text: string): number {
  return /^(mon|tue|wed|thu|fri|sat|sun)/i.test(text) ? Date.parse(text) : Number.NaN;
}
