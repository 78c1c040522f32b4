import type { Webhook } from '../../domain/webhook.ts';
import type {
  AcceptResult,
  CommitBatch,
  CommitResult,
  RecordEntry,
  RecordResult,
} from '../store.ts';
import type { Vault } from '../vault.ts';
import { acceptResults, mentionsOf, sendAccepts } from './accepting.ts';
import { announceExhausted, announceWebhooks, newsOf } from './announcing.ts';
import { toUuid } from './arrays.ts';
import { disable, meantForNow, mayDisable, notePostponed } from './disabling.ts';
import { noteHealth } from './health.ts';
import { partsOf, recordResults, sendRecords, type Recorded } from './recording.ts';
import type { Mention, Registrar } from './registrar.ts';
import { inOrder, type Session } from './session.ts';
import { isRolledBack } from './sql-errors.ts';

const BEGIN = { text: 'BEGIN' };

/** A batch as its transaction has written it, before the commit. */
export interface WrittenBatch {
  readonly batch: CommitBatch;
  readonly xid: string;
  readonly result: CommitResult;
  /** Records that have given deliveries up. */
  readonly exhausting: readonly RecordEntry[];
  /** Ids of the caller's own that have to be registered. */
  readonly mentions: readonly Mention[];
  /** Whether the commit is on its way and not answered. */
  inDoubt: boolean;
}

/** Records first, then accepts: what was sent is worth more than what is to be sent. */
export async function writeBatch(
  session: Session,
  batch: CommitBatch,
  { registrar, vault }: { readonly registrar: Registrar; readonly vault: Vault },
): Promise<WrittenBatch> {
  const { records, accepts } = batch;
  // A record that disables a webhook raises its account's version, which accepts are compared with.
  const disables = records.some(mayDisable);
  const began = session.query(BEGIN);
  let xid = '';
  let disabled: Webhook[] = [];
  let accepted: { readonly xid: string; readonly codes: string } | undefined;
  const recorded: Recorded[] = [];
  if (!disables && partsOf(records).length <= 1) {
    // All at once: one round trip.
    const [, sentRecords, sentAccepts] = await inOrder([
      began,
      records.length > 0 ? sendRecords(session, records) : Promise.resolve(undefined),
      accepts.length > 0 ? sendAccepts(session, accepts) : Promise.resolve(undefined),
    ]);
    if (sentRecords) {
      recorded.push(...(await recordResults(session, records, sentRecords.codes)));
      xid = sentRecords.xid;
    }
    accepted = sentAccepts;
  } else {
    await began;
    const judged = disables ? await meantForNow(session, records, vault) : records;
    for (const part of partsOf(judged)) {
      const sent = await sendRecords(session, part);
      recorded.push(...(await recordResults(session, part, sent.codes)));
      xid = sent.xid;
    }
    disabled = await disable(session, judged, recorded, vault);
    notePostponed(records, judged, recorded);
    if (accepts.length > 0) accepted = await sendAccepts(session, accepts);
  }
  const results = accepted ? await acceptResults(session, accepts, accepted.codes) : [];
  return {
    batch,
    xid: accepted?.xid ?? xid,
    result: { records: recorded.map(({ result }) => result), accepts: results, disabled },
    exhausting: records.filter(
      ({ next }, i) => next.status === 'exhausted' && recorded[i]?.moved === true,
    ),
    mentions: registrar.unknown(mentionsOf(accepts, results)),
    inDoubt: false,
  };
}

/** Writes what follows from the results, and commits. Where it fails, `inDoubt` says how. */
export async function finishBatch(
  session: Session,
  written: WrittenBatch,
  registrar: Registrar,
): Promise<void> {
  const { batch, result, exhausting, mentions } = written;
  const recorded = batch.records.filter((_, i) => isRecorded(result.records[i]));
  const finishing = Promise.allSettled([
    noteHealth(session, recorded),
    announceExhausted(session, exhausting),
    announceWebhooks(session, newsOf(recorded)),
    registrar.register(session, mentions),
  ]);
  written.inDoubt = true;
  let committed: boolean;
  try {
    committed = await session.commit();
  } catch (error) {
    if (isRolledBack(error)) written.inDoubt = false;
    throw error;
  }
  written.inDoubt = false;
  const failed = (await finishing).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
  if (!committed) throw new Error('A failed transaction was to be committed');
}

const EVENT_IS_THERE = {
  name: 'event_is_there',
  text: 'SELECT 1 FROM event WHERE account_id = $1 AND id = $2',
};

/** Another owner may have recorded an attempt of the same number: that row is not this transaction's. */
const ATTEMPT_IS_THERE = {
  name: 'attempt_is_there',
  text: `SELECT 1 FROM attempt WHERE event_id = $1 AND webhook_id = $2 AND number = $3
    AND xmin = $4::text::xid8::xid`,
};

/** How to see in the database that a batch was committed; null where it wrote nothing. */
export function evidenceOf({
  batch,
  xid,
  result,
}: WrittenBatch): ((session: Session) => Promise<boolean>) | null {
  const accepted = batch.accepts.find((_, i) => isAccepted(result.accepts[i]));
  if (accepted) {
    const { accountId, id } = accepted.event;
    return async (session) =>
      (await session.query(EVENT_IS_THERE, [accountId, toUuid(id)])).length > 0;
  }
  const recorded = batch.records.find((_, i) => isRecorded(result.records[i]));
  if (!recorded) return null;
  const { eventId, webhookId, attempt } = recorded;
  const values = [toUuid(eventId), webhookId, attempt.number, xid];
  return async (session) => (await session.query(ATTEMPT_IS_THERE, values)).length > 0;
}

function isAccepted(result: AcceptResult | undefined): boolean {
  return result?.kind === 'accepted';
}

function isRecorded(result: RecordResult | undefined): boolean {
  return result === 'recorded' || result === 'postponed';
}
