import { IS_FAILING, noteHealth as note, type HealthChanges } from '../health-change.ts';
import type { RecordEntry } from '../store.ts';
import { numberArray } from './arrays.ts';
import { lookUp } from './look-up.ts';
import type { Session } from './session.ts';

/** What goes on with the row that was, unless there was a success since. */
const GOES_ON = `given.last_success_at IS NULL AND ${IS_FAILING}`;

/** The newest version of each row is found from the end of the index: see migrations/0001-first.sql. */
const NOTE_HEALTH = {
  name: 'note_health',
  text: `UPDATE webhook_health h SET seq = h.seq + 1,
      last_success_at = coalesce(given.last_success_at, h.last_success_at),
      last_failure_at = coalesce(given.last_failure_at, h.last_failure_at),
      consecutive_failures = given.failures +
        CASE WHEN given.last_success_at IS NULL THEN h.consecutive_failures ELSE 0 END,
      failing_since = coalesce(CASE WHEN ${GOES_ON} THEN h.failing_since END, given.failing_since),
      exhausted_at = coalesce(given.exhausted_at, CASE WHEN ${GOES_ON} THEN h.exhausted_at END),
      probe_at = coalesce(given.probe_at, CASE WHEN ${GOES_ON} THEN h.probe_at END),
      failed_probes = coalesce(given.failed_probes, CASE WHEN ${GOES_ON} THEN h.failed_probes END)
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
          $7::bigint[], $8::bigint[])
        AS given (webhook_id, last_success_at, last_failure_at, failures, failing_since, exhausted_at,
          probe_at, failed_probes)
      CROSS JOIN LATERAL (SELECT l.webhook_id, l.seq FROM webhook_health l
        WHERE l.webhook_id = given.webhook_id ORDER BY l.seq DESC LIMIT 1) AS newest
    WHERE ${lookUp('h.webhook_id', 'newest.webhook_id')} AND h.seq = newest.seq`,
};

/** What is missing at the end of a list is null to `unnest`. */
const NONE = numberArray([]);

/** Inside the commit's transaction. Only a shard's owner gets here, so nobody else changes the row. */
export async function noteHealth(
  session: Session,
  recorded: readonly RecordEntry[],
): Promise<void> {
  if (recorded.length === 0) return;
  const changes = [...healthChanges(recorded)];
  const values = changes.map(([, change]) => change);
  // Only where something has failed is there more to say than that all went well.
  const fails = values.some(({ failures }) => failures > 0);
  const column = (of: (change: (typeof values)[number]) => number | null): Buffer =>
    fails ? numberArray(values.map(of)) : NONE;
  await session.query(NOTE_HEALTH, [
    numberArray(changes.map(([webhookId]) => webhookId)),
    numberArray(values.map(({ lastSuccessAt }) => lastSuccessAt)),
    numberArray(values.map(({ lastFailureAt }) => lastFailureAt)),
    numberArray(values.map(({ failures }) => failures)),
    column(({ failingSince }) => failingSince),
    column(({ exhaustedAt }) => exhaustedAt),
    column(({ probeAt }) => probeAt),
    column(({ failedProbes }) => failedProbes),
  ]);
}

export function healthChanges(recorded: readonly RecordEntry[]): HealthChanges {
  const changes: HealthChanges = new Map();
  for (const record of recorded) note(changes, record);
  return changes;
}
