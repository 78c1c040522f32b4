/**
 * Whether a webhook is sent to, after its attempts have failed: see the table in docs/states.md. All
 * functions are pure; who owns the webhook's shard keeps the state, and the store what has to survive.
 */

const SECOND = 1_000;
const DAY = 24 * 60 * 60 * SECOND;

/**
 * So many failed attempts in a row open it. An endpoint that fails every other time has such a row once
 * in 2,000 attempts, one that fails every fifth time once in 12 million; and with fewer a webhook whose
 * receiver is down has used up its deliveries' first attempts before anybody is told.
 */
export const FAILURES_TO_OPEN = 10;

/**
 * From an opening to its first probe, doubled with each probe that fails: a receiver that is restarted
 * is back in seconds, and to one that is down for long a request a minute is no load.
 */
const FIRST_PROBE_WAIT = SECOND;
const LONGEST_PROBE_WAIT = 60 * SECOND;
/** Up and down from that, so that webhooks of one endpoint that went down do not probe in step. */
const PROBE_JITTER = 0.2;

/** Failures that have gone on for so long, with a delivery given up on, disable the webhook. */
export const LONGEST_FAILING = 5 * DAY;

export interface OpenBreaker {
  /** Until then nothing is sent, and then one delivery, until it is known what became of it. */
  readonly probeAt: number;
  /** Probes that have failed since it opened. */
  readonly failedProbes: number;
}

/** What is known of a webhook whose last attempt failed. */
export interface Failing {
  /** When the first attempt of the row ended. */
  readonly since: number;
  /** Failed attempts in a row. */
  readonly failures: number;
  /** Whether a delivery was given up on meanwhile. */
  readonly exhausted: boolean;
  /** Null: closed, all is sent. */
  readonly open: OpenBreaker | null;
}

/** A failed attempt, as the breaker sees it. */
export interface FailedAttempt {
  readonly endedAt: number;
  /** Whether its delivery was given up on. */
  readonly exhausts: boolean;
  /** Whether it was the one that an open breaker let through. */
  readonly probe: boolean;
}

/**
 * After an attempt that failed. (One that succeeded leaves nothing: null.)
 * @param random from 0 to 1, spread to ±20 % of the wait for the next probe
 */
export function failingAfter(
  failing: Failing | null,
  { endedAt, exhausts, probe }: FailedAttempt,
  random: number,
): Failing {
  const failures = (failing?.failures ?? 0) + 1;
  return {
    since: failing?.since ?? endedAt,
    failures,
    exhausted: exhausts || failing?.exhausted === true,
    open: openAfter(failing?.open ?? null, { failures, probe, endedAt }, random),
  };
}

/** What was under way when it opened says nothing new: only a probe moves the next one away. */
function openAfter(
  open: OpenBreaker | null,
  { failures, probe, endedAt }: { failures: number; probe: boolean; endedAt: number },
  random: number,
): OpenBreaker | null {
  if (open === null ? failures < FAILURES_TO_OPEN : !probe) return open;
  const failedProbes = open === null ? 0 : open.failedProbes + 1;
  return { probeAt: endedAt + probeWait(failedProbes, random), failedProbes };
}

export function probeWait(failedProbes: number, random: number): number {
  const wait = Math.min(FIRST_PROBE_WAIT * 2 ** Math.min(failedProbes, 30), LONGEST_PROBE_WAIT);
  return Math.round(wait * (1 - PROBE_JITTER + 2 * PROBE_JITTER * random));
}

/** How long until it lets a probe through; 0: now. Further ahead is only what another clock has said. */
export function probeWaitMs({ probeAt }: OpenBreaker, now: number): number {
  const wait = probeAt - now;
  return wait > LONGEST_PROBE_WAIT * (1 + PROBE_JITTER) ? 0 : Math.max(wait, 0);
}

/**
 * Another URL has to show by itself what it is worth: an open breaker lets a probe through at once, and
 * what failed before counts no more.
 */
export function failingElsewhere(failing: Failing | null, now: number): Failing | null {
  if (failing === null || failing.open === null) return null;
  return { ...failing, since: now, exhausted: false, open: { probeAt: now, failedProbes: 0 } };
}

/** Whether the webhook is to be disabled. */
export function hasFailedForTooLong(
  { since, exhausted }: Pick<Failing, 'since' | 'exhausted'>,
  now: number,
): boolean {
  return exhausted && now - since >= LONGEST_FAILING;
}

export const FAILED_FOR_TOO_LONG = 'Every attempt has failed for five days.';
