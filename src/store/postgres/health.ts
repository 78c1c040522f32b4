import type { RecordEntry } from '../store.ts';
import { numberArray } from './arrays.ts';
import { lookUp } from './look-up.ts';
import type { Session } from './session.ts';

/** What the records of one commit say of a webhook's endpoint; written once for each webhook. */
interface HealthChange {
  lastSuccessAt: number | null;
  lastFailureAt: number | null;
  failures: number;
}

/** The newest version of each row is found from the end of the index: see migrations/0001-first.sql. */
const NOTE_HEALTH = {
  name: 'note_health',
  text: `UPDATE webhook_health h SET seq = h.seq + 1,
      last_success_at = coalesce(given.last_success_at, h.last_success_at),
      last_failure_at = coalesce(given.last_failure_at, h.last_failure_at),
      consecutive_failures = given.failures +
        CASE WHEN given.last_success_at IS NULL THEN h.consecutive_failures ELSE 0 END
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
        AS given (webhook_id, last_success_at, last_failure_at, failures)
      CROSS JOIN LATERAL (SELECT l.webhook_id, l.seq FROM webhook_health l
        WHERE l.webhook_id = given.webhook_id ORDER BY l.seq DESC LIMIT 1) AS newest
    WHERE ${lookUp('h.webhook_id', 'newest.webhook_id')} AND h.seq = newest.seq`,
};

/** Inside the commit's transaction. Only a shard's owner gets here, so nobody else changes the row. */
export async function noteHealth(
  session: Session,
  recorded: readonly RecordEntry[],
): Promise<void> {
  if (recorded.length === 0) return;
  const changes = [...changesOf(recorded)];
  await session.query(NOTE_HEALTH, [
    numberArray(changes.map(([webhookId]) => webhookId)),
    numberArray(changes.map(([, { lastSuccessAt }]) => lastSuccessAt)),
    numberArray(changes.map(([, { lastFailureAt }]) => lastFailureAt)),
    numberArray(changes.map(([, { failures }]) => failures)),
  ]);
}

function changesOf(recorded: readonly RecordEntry[]): Map<number, HealthChange> {
  const changes = new Map<number, HealthChange>();
  for (const { webhookId, attempt } of recorded) {
    const change = changes.get(webhookId) ?? {
      lastSuccessAt: null,
      lastFailureAt: null,
      failures: 0,
    };
    const endedAt = attempt.startedAt + attempt.durationMs;
    if (attempt.outcome === 'delivered') {
      change.lastSuccessAt = endedAt;
      change.failures = 0;
    } else {
      change.lastFailureAt = endedAt;
      change.failures += 1;
    }
    changes.set(webhookId, change);
  }
  return changes;
}
