import type { Outcome } from '../domain/attempt.ts';
import type { WebhookHealth } from '../domain/webhook.ts';
import type { HealthMark } from './health-store.ts';

/** What the records of one commit say of a webhook's endpoint; written once for each webhook. */
export interface HealthChange {
  lastSuccessAt: number | null;
  lastFailureAt: number | null;
  /** Those after the last success, as all that follows. */
  failures: number;
  failingSince: number | null;
  exhaustedAt: number | null;
  probeAt: number | null;
  failedProbes: number | null;
}

export type HealthChanges = Map<number, HealthChange>;

/** What a change of health looks at in a record. */
export interface RecordedAttempt {
  readonly webhookId: number;
  readonly attempt: {
    readonly outcome: Outcome;
    readonly startedAt: number;
    readonly durationMs: number;
  };
  readonly next: { readonly status: string };
  readonly mark?: HealthMark | undefined;
}

export function noteHealth(changes: HealthChanges, record: RecordedAttempt): void {
  const { webhookId, attempt, next, mark } = record;
  let change = changes.get(webhookId);
  if (!change) {
    change = { lastFailureAt: null, ...succeeded(null) };
    changes.set(webhookId, change);
  }
  const endedAt = attempt.startedAt + attempt.durationMs;
  if (attempt.outcome === 'delivered') {
    if (change.failures === 0) change.lastSuccessAt = endedAt;
    else Object.assign(change, succeeded(endedAt));
    return;
  }
  change.lastFailureAt = endedAt;
  change.failures += 1;
  change.failingSince ??= endedAt;
  if (next.status === 'exhausted') change.exhaustedAt = endedAt;
  if (mark?.open) {
    change.probeAt = mark.open.probeAt;
    change.failedProbes = mark.open.failedProbes;
  }
}

/** Nothing that failed before counts any more. */
function succeeded(at: number | null): Omit<HealthChange, 'lastFailureAt'> {
  return {
    lastSuccessAt: at,
    failures: 0,
    failingSince: null,
    exhaustedAt: null,
    probeAt: null,
    failedProbes: null,
  };
}

/** A webhook's health as its row has it; all null where there is none. */
export interface HealthRow {
  readonly last_success_at: number | null;
  readonly last_failure_at: number | null;
  readonly consecutive_failures: number | null;
  readonly failing_since: number | null;
  readonly probe_at: number | null;
}

export const HEALTH_COLUMNS = `h.last_success_at, h.last_failure_at, h.consecutive_failures,
  h.failing_since, h.probe_at`;

/**
 * Whether what a row `h` says of failing holds: a node of the version before counts a success without
 * taking it away.
 */
export const IS_FAILING = `(h.failing_since IS NOT NULL AND h.consecutive_failures > 0
  AND coalesce(h.last_success_at <= h.failing_since, true))`;

export function toHealth(row: HealthRow): WebhookHealth {
  const failures = row.consecutive_failures ?? 0;
  const { last_success_at: lastSuccessAt, failing_since: since } = row;
  const fails = failures > 0 && since !== null && (lastSuccessAt ?? 0) <= since;
  return {
    lastSuccessAt,
    lastFailureAt: row.last_failure_at,
    consecutiveFailures: failures,
    nextProbeAt: fails ? row.probe_at : null,
  };
}
