import { SHARD_COUNT } from '../../domain/shard.ts';
import type { RecordEntry, RecordResult } from '../store.ts';
import { numberArray, textArray, uuidArray } from './arrays.ts';
import { lookUp } from './look-up.ts';
import type { Session } from './session.ts';

const RECORDED = '0';
const NOT_OWNER = '1';
const NOT_PENDING = '2';

const GIVEN = `given AS MATERIALIZED (
      SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[],
        $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[],
        $13::bigint[], $14::text[], $15::text[], $16::text[], $17::text[], $18::bigint[])
        WITH ORDINALITY AS g (account_id, event_id, webhook_id, shard, epoch,
          number, started_at, duration_ms, outcome, url, signature, user_agent,
          response_status, response_headers, response_body, error, next, next_attempt_at, i)
    )`;

const KEEP_ATTEMPTS = `INSERT INTO attempt (event_id, webhook_id, number, started_at, duration_ms,
        outcome, url, signature, user_agent, response_status, response_headers, response_body, error)
      SELECT event_id, webhook_id, number, started_at, duration_ms, outcome, url, signature,
        user_agent, response_status, response_headers::json, response_body, error`;

/**
 * Records of deliveries that are pending. Their shards' rows are locked until the commit: whoever
 * takes a shard over waits for it and then sees all that its former owner recorded; and whoever
 * records after that finds another epoch. A condition on the epoch alone would let a takeover read
 * what a stale record, not yet committed, is about to end.
 *
 * With the shard's row comes the last redo that was asked for: as it is once it is locked, so also from a
 * transaction that this one had to wait for.
 *
 * The rows of the queue are looked up one by one and then named by their places. While statistics say
 * that the queue is empty (vacuum came by at a quiet moment) a join is planned as a walk over one of its
 * indexes, whole, with each row compared with all records; by its order only the primary key will do.
 */
const RECORD = {
  name: 'record',
  text: `WITH ${GIVEN}, locked AS MATERIALIZED (
      SELECT id, epoch, redo_id FROM shard WHERE id = ANY ($19::bigint[]) ORDER BY id FOR SHARE
    ), owned AS MATERIALIZED (
      SELECT * FROM given
      WHERE shard = webhook_id % ${SHARD_COUNT} AND ((shard, epoch) IN (SELECT id, epoch FROM locked)) IS TRUE
    ), found AS MATERIALIZED (
      SELECT o.*, q.place FROM owned o CROSS JOIN LATERAL (
        SELECT ctid AS place FROM queue WHERE webhook_id = o.webhook_id
          AND event_id >= o.event_id AND event_id <= o.event_id ORDER BY event_id LIMIT 1) AS q
    ), ended AS (
      DELETE FROM queue q USING found o
      WHERE q.ctid = o.place AND o.next <> 'pending'
        AND q.account_id = o.account_id AND q.attempt_count = o.number - 1
      RETURNING q.account_id, q.event_id, q.webhook_id, q.webhook_version, o.next, o.number,
        q.created_at, o.started_at + o.duration_ms AS ended_at, o.i
    ), kept AS (
      INSERT INTO delivery (account_id, event_id, webhook_id, webhook_version, status, attempt_count,
        created_at, ended_at, after_redo)
      SELECT account_id, event_id, webhook_id, webhook_version, next, number, created_at, ended_at,
        CASE WHEN (SELECT max(redo_id) FROM locked) = 0 THEN 0
          ELSE (SELECT redo_id FROM locked WHERE id = webhook_id % ${SHARD_COUNT}) END
      FROM ended
    ), postponed AS (
      UPDATE queue q SET attempt_count = o.number, next_attempt_at = o.next_attempt_at FROM found o
      WHERE q.ctid = o.place AND o.next = 'pending'
        AND q.account_id = o.account_id AND q.attempt_count = o.number - 1
      RETURNING o.i
    ), recorded AS MATERIALIZED (
      SELECT i FROM ended UNION ALL SELECT i FROM postponed
    ), attempts AS (
      ${KEEP_ATTEMPTS} FROM owned WHERE (i IN (SELECT i FROM recorded)) IS TRUE
    )
    SELECT pg_current_xact_id()::text AS xid, string_agg(CASE
        WHEN i IN (SELECT i FROM recorded) THEN '${RECORDED}'
        WHEN i IN (SELECT i FROM owned) THEN '${NOT_PENDING}' ELSE '${NOT_OWNER}' END, '' ORDER BY i)
      AS codes FROM given`,
};

/** Records of deliveries whose webhook was deleted or disabled meanwhile: canceled stands. */
const RECORD_CANCELED = {
  name: 'record_canceled',
  text: `WITH ${GIVEN}, counted AS (
      UPDATE delivery d SET attempt_count = g.number FROM given g
      WHERE ${lookUp('d.account_id', 'g.account_id')} AND d.event_id = g.event_id
        AND ${lookUp('d.webhook_id', 'g.webhook_id')} AND d.status IS NOT DISTINCT FROM 'canceled' AND d.attempt_count = g.number - 1
      RETURNING g.i
    ), attempts AS (
      ${KEEP_ATTEMPTS} FROM given WHERE (i IN (SELECT i FROM counted)) IS TRUE
    )
    SELECT i FROM counted`,
};

/**
 * The records in parts in which each delivery comes up once: a statement sees its rows as they were
 * before it. One part, unless somebody records two attempts of a delivery at once.
 */
export function partsOf(records: readonly RecordEntry[]): RecordEntry[][] {
  const parts: RecordEntry[][] = [];
  let seen = new Set<string>();
  for (const record of records) {
    const key = `${record.eventId} ${record.webhookId}`;
    if (parts.length === 0 || seen.has(key)) {
      parts.push([]);
      seen = new Set();
    }
    seen.add(key);
    parts.at(-1)?.push(record);
  }
  return parts;
}

/** Resolves with what became of each, by its code. */
export async function sendRecords(
  session: Session,
  records: readonly RecordEntry[],
): Promise<{ readonly xid: string; readonly codes: string }> {
  const shards = new Set(records.map(({ lease }) => lease.shard));
  const values = [...recordValues(records), numberArray([...shards])];
  const [row] = await session.query<{ xid: string; codes: string }>(RECORD, values);
  if (!row) throw new Error('A record came back without its result');
  return row;
}

/** A record by its code, and whether it moved a delivery that was pending. */
export interface Recorded {
  readonly result: RecordResult;
  readonly moved: boolean;
}

/** The results by their codes; what was not pending may have been canceled meanwhile. */
export async function recordResults(
  session: Session,
  records: readonly RecordEntry[],
  codes: string,
): Promise<Recorded[]> {
  const unsettled = records.flatMap((record, i) =>
    codes[i] === NOT_PENDING ? [{ record, i }] : [],
  );
  const canceled = new Set<number>();
  if (unsettled.length > 0) {
    const given = unsettled.map(({ record }) => record);
    const rows = await session.query<{ i: number }>(RECORD_CANCELED, recordValues(given));
    for (const { i } of rows) canceled.add(unsettled[i - 1]?.i ?? -1);
  }
  return records.map((_, i) => {
    if (codes[i] === RECORDED) return { result: 'recorded', moved: true };
    if (codes[i] === NOT_OWNER) return { result: 'not_owner', moved: false };
    return { result: canceled.has(i) ? 'recorded' : 'gone', moved: false };
  });
}

function recordValues(records: readonly RecordEntry[]): Buffer[] {
  const attempts = records.map(({ attempt }) => attempt);
  const responses = attempts.map(({ response }) => response);
  return [
    numberArray(records.map(({ accountId }) => accountId)),
    uuidArray(records.map(({ eventId }) => eventId)),
    numberArray(records.map(({ webhookId }) => webhookId)),
    numberArray(records.map(({ lease }) => lease.shard)),
    numberArray(records.map(({ lease }) => lease.epoch)),
    numberArray(attempts.map(({ number }) => number)),
    numberArray(attempts.map(({ startedAt }) => startedAt)),
    numberArray(attempts.map(({ durationMs }) => durationMs)),
    textArray(attempts.map(({ outcome }) => outcome)),
    textArray(attempts.map(({ url }) => url)),
    textArray(attempts.map(({ signature }) => signature)),
    textArray(attempts.map(({ userAgent }) => userAgent)),
    numberArray(responses.map((response) => response?.status ?? null)),
    textArray(responses.map((response) => response && JSON.stringify(response.headers))),
    textArray(responses.map((response) => response && response.body)),
    textArray(attempts.map(({ error }) => error)),
    textArray(records.map(({ next }) => next.status)),
    numberArray(records.map(({ next }) => (next.status === 'pending' ? next.nextAttemptAt : null))),
  ];
}
