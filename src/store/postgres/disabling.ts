import { hasFailedForTooLong } from '../../domain/breaker.ts';
import { MOVED_WAIT_MS } from '../../domain/retry.ts';
import type { Webhook } from '../../domain/webhook.ts';
import { isStopped } from '../../domain/webhook-status.ts';
import { IS_FAILING, type HealthChange } from '../health-change.ts';
import type { RecordEntry } from '../store.ts';
import type { Vault } from '../vault.ts';
import { announceWebhooks } from './announcing.ts';
import { numberArray } from './arrays.ts';
import { healthChanges } from './health.ts';
import type { Recorded } from './recording.ts';
import type { Session } from './session.ts';
import { changeWebhook, lockAccounts, selectWebhooks } from './webhook-rows.ts';

/** Before the commit's records, as they were: what it says of health itself is added to that. */
const FAILING_OF = {
  name: 'failing_of',
  text: `SELECT h.webhook_id, h.failing_since AS since, h.exhausted_at IS NOT NULL AS exhausted
    FROM unnest($1::bigint[]) AS given (webhook_id) CROSS JOIN LATERAL (
      SELECT * FROM webhook_health WHERE webhook_id = given.webhook_id
      ORDER BY seq DESC LIMIT 1) AS h
    WHERE ${IS_FAILING}`,
};

/** Whether a record may disable its webhook: by a 410, or by failures that have gone on for long. */
export function mayDisable({ next, mark }: RecordEntry): boolean {
  return next.status === 'canceled' || mark?.disableReason !== undefined;
}

/** A 410 of a URL that the webhook has no longer says nothing of the present one: that is due soon. */
export async function meantForNow(
  session: Session,
  records: readonly RecordEntry[],
  vault: Vault,
): Promise<RecordEntry[]> {
  const gone = records.filter(mayDisable);
  await lockAccounts(session, [...new Set(gone.map(({ accountId }) => accountId))]);
  const ids = [...new Set(gone.map(({ webhookId }) => webhookId))];
  const webhooks = await selectWebhooks(session, ids, vault);
  const urls = new Map(webhooks.map(({ id, url }) => [id, url]));
  return records.map((record) => {
    const { attempt, next, webhookId } = record;
    if (next.status !== 'canceled' || (urls.get(webhookId) ?? attempt.url) === attempt.url) {
      return record;
    }
    const nextAttemptAt = attempt.startedAt + attempt.durationMs + MOVED_WAIT_MS;
    return { ...record, next: { status: 'pending', nextAttemptAt } };
  });
}

export function notePostponed(
  given: readonly RecordEntry[],
  judged: readonly RecordEntry[],
  recorded: Recorded[],
): void {
  for (const [i, { moved }] of recorded.entries()) {
    if (moved && judged[i] !== given[i]) recorded[i] = { result: 'postponed', moved };
  }
}

/** Webhooks that match nothing from now on: their receivers are gone, or have failed for too long. */
export async function disable(
  session: Session,
  records: readonly RecordEntry[],
  recorded: readonly Recorded[],
  vault: Vault,
): Promise<Webhook[]> {
  const reasons = goneOf(records, recorded);
  const stored = records.filter((_, i) => recorded[i]?.result === 'recorded');
  const last = await failedForTooLong(session, stored);
  const webhooks = await selectWebhooks(session, [...reasons.keys(), ...last.keys()], vault);
  const disabled: Webhook[] = [];
  for (const webhook of webhooks) {
    const disabledReason = reasons.get(webhook.id) ?? last.get(webhook.id)?.mark?.disableReason;
    if (disabledReason === undefined) continue;
    if (isStopped(webhook)) continue;
    const changes = { status: 'disabled' as const, disabledReason };
    disabled.push(await changeWebhook(session, webhook, changes, { now: Date.now(), vault }));
  }
  await announceWebhooks(
    session,
    disabled.map(({ id, accountId, updatedAt, disabledReason }) => ({
      accountId,
      webhookId: id,
      type: 'WEBHOOK_DISABLED',
      at: updatedAt,
      reason: disabledReason,
    })),
  );
  return disabled;
}

function goneOf(
  records: readonly RecordEntry[],
  recorded: readonly Recorded[],
): Map<number, string> {
  const reasons = new Map<number, string>();
  for (const [i, { webhookId, next }] of records.entries()) {
    if (next.status !== 'canceled' || !recorded[i]?.moved || reasons.has(webhookId)) continue;
    reasons.set(webhookId, next.disableReason);
  }
  return reasons;
}

/** Of each such webhook the record that says so; its owner says it, what is stored decides: that begins anew with another URL. */
async function failedForTooLong(
  session: Session,
  stored: readonly RecordEntry[],
): Promise<Map<number, RecordEntry>> {
  const said = new Map<number, RecordEntry>();
  for (const record of stored) {
    if (record.mark?.disableReason !== undefined) said.set(record.webhookId, record);
  }
  if (said.size === 0) return said;
  const rows = await session.query<{ webhook_id: number; since: number; exhausted: boolean }>(
    FAILING_OF,
    [numberArray([...said.keys()])],
  );
  const before = new Map(rows.map(({ webhook_id: id, ...row }) => [id, row]));
  const changes = healthChanges(stored);
  for (const [id, { attempt }] of said) {
    const failing = failingNow(before.get(id), changes.get(id));
    if (failing && hasFailedForTooLong(failing, attempt.startedAt + attempt.durationMs)) continue;
    said.delete(id);
  }
  return said;
}

/** As `note_health` will have it. */
function failingNow(
  before: { readonly since: number; readonly exhausted: boolean } | undefined,
  change: HealthChange | undefined,
): { since: number; exhausted: boolean } | null {
  const goesOn = change?.lastSuccessAt === null ? before : undefined;
  const since = goesOn?.since ?? change?.failingSince ?? null;
  const exhausted = goesOn?.exhausted === true || (change?.exhaustedAt ?? null) !== null;
  return since === null ? null : { since, exhausted };
}
