import { firstEventIdAt } from '../../domain/ids.ts';
import { OUTLIVED_RETENTION } from '../../domain/announcement.ts';
import type { RetentionStep } from '../store.ts';
import { NO_OPERATIONAL } from './announcing.ts';
import { toUuid } from './arrays.ts';
import { lookUp } from './look-up.ts';
import {
  daysThatAre,
  PARTITION_LOCK,
  PARTITIONED,
  partitionOf,
  startOf,
  type Day,
  type Partitions,
} from './partitions.ts';
import { inOrder, type Session } from './session.ts';
import type { SessionPool } from './session-pool.ts';
import { sqlStateOf } from './sql-errors.ts';

/** Keys of the caller's own that are deleted in one transaction. */
const KEYS_AT_A_TIME = 2_000;

/** Above this many events a day's number is the planner's estimate: counting reads all of them. */
const COUNTED_EVENTS = 100_000;

/** How long everybody may be held up by a drop that waits for somebody's long transaction. */
const DROP_WAIT = '200ms';
const LOCK_NOT_AVAILABLE = '55P03';

/** More than can be put back between ending what is pending and the lock that waits for 200 ms. */
const PUT_BACK_MEANWHILE = 100_000;

/** Dropping a day unlinks files; on a slow disk that takes its time. */
const DROP_LIMIT_MS = 30_000;

const EXPIRE_PENDING = {
  name: 'expire_pending',
  text: `WITH expired AS (
      DELETE FROM queue q USING (
        SELECT old.place FROM account a CROSS JOIN LATERAL (
          SELECT ctid AS place FROM queue
          WHERE account_id = a.id AND event_id < $1::uuid ORDER BY event_id LIMIT $2) AS old
        LIMIT $2) AS old
      WHERE q.ctid = old.place
      RETURNING q.account_id, q.event_id, q.webhook_id, q.attempt_count
    ), announced AS (
      INSERT INTO announcement (account_id, webhook_id, type, at, reason, event_id, event_type,
        campaign_id, client_id, attempt_count)
      SELECT e.account_id, q.webhook_id, 'DELIVERY_EXHAUSTED', $3, '${OUTLIVED_RETENTION}', e.id,
        e.type, e.campaign_id, e.client_id, q.attempt_count
      FROM expired q CROSS JOIN LATERAL (SELECT * FROM event
        WHERE account_id = q.account_id AND id = q.event_id LIMIT 1) AS e
      WHERE ${NO_OPERATIONAL}
    )
    SELECT 1 FROM expired`,
};

const EXPIRE_KEYS = {
  name: 'expire_keys',
  text: `DELETE FROM event_key k USING (
      SELECT account_id, caller_event_id FROM event_key
      WHERE event_id < $1::uuid ORDER BY event_id LIMIT $2) AS old
    WHERE ${lookUp('k.account_id', 'old.account_id')} AND k.caller_event_id = old.caller_event_id RETURNING 1`,
};

/** Of the oldest redos those that ended before a time: a person asks for few. */
const EXPIRE_REDOS = {
  name: 'expire_redos',
  text: `DELETE FROM redo r USING (SELECT id FROM redo WHERE id > 0 ORDER BY id LIMIT 1000) AS old
    WHERE ${lookUp('r.id', 'old.id')} AND r.ended_at < $1`,
};

const EXPIRE_MARKERS = {
  name: 'expire_markers',
  text: `DELETE FROM change_marker WHERE made_at < now() - interval '1 hour'`,
};

/**
 * Drops days that have grown old as a whole: what the events of a day weigh costs nothing then. First
 * ends, in small steps, what is not cut by days.
 */
export class Retention {
  readonly #pool: SessionPool;
  readonly #partitions: Partitions;

  constructor(pool: SessionPool, partitions: Partitions) {
    this.#pool = pool;
    this.#partitions = partitions;
  }

  async expire(before: number, limit: number): Promise<RetentionStep> {
    await this.#pool.run((session) =>
      inOrder([session.query(EXPIRE_MARKERS), session.query(EXPIRE_REDOS, [before])]),
    );
    const old = (await daysThatAre(this.#pool)).filter((day) => startOf(day + 1) <= before);
    const [day] = old;
    if (day === undefined) return { events: 0, exhausted: 0, more: false };
    const exhausted = await this.#delete(EXPIRE_PENDING, day, limit, Date.now());
    if (exhausted === limit) return { events: 0, exhausted, more: true };
    const keys = await this.#delete(EXPIRE_KEYS, day, KEYS_AT_A_TIME);
    if (keys === KEYS_AT_A_TIME) return { events: 0, exhausted, more: true };
    const events = await this.#drop(day);
    if (events === null) return { events: 0, exhausted, more: false };
    return { events, exhausted, more: old.length > 1 };
  }

  async #delete(
    statement: typeof EXPIRE_KEYS,
    day: Day,
    ...more: readonly number[]
  ): Promise<number> {
    const rows = await this.#pool.transaction((session) =>
      session.query(statement, [boundOf(day), ...more]),
    );
    return rows.length;
  }

  /**
   * The number of events dropped; null where it has to be tried again later. A drop waits for every
   * transaction that has touched the tables, and everybody waits for it: a short while only.
   */
  async #drop(day: Day): Promise<number | null> {
    try {
      const events = await this.#pool.transaction(
        (session) => dropDay(session, day),
        DROP_LIMIT_MS,
      );
      if (events !== null) this.#partitions.forgetDay(day);
      return events;
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      if (sqlStateOf(cause) === LOCK_NOT_AVAILABLE) return null;
      throw error;
    }
  }
}

function boundOf(day: Day): string {
  return toUuid(firstEventIdAt(startOf(day + 1)));
}

async function dropDay(session: Session, day: Day): Promise<number | null> {
  const [[turn]] = await inOrder([
    session.query<{ mine: boolean }>({
      text: `SELECT pg_try_advisory_xact_lock(${PARTITION_LOCK}) AS mine`,
    }),
    session.query({ text: `SET LOCAL lock_timeout = '${DROP_WAIT}'` }),
  ]);
  if (!turn?.mine) return null;
  const events = await countEvents(session, day);
  const names = PARTITIONED.map((table) => partitionOf(table, day)).join(', ');
  await session.query({
    text: `LOCK TABLE ONLY ${PARTITIONED.join(', ONLY ')} IN ACCESS EXCLUSIVE MODE`,
  });
  // What a person put back since the day's pending ones were ended; nobody can any more.
  await session.query(EXPIRE_PENDING, [boundOf(day), PUT_BACK_MEANWHILE, Date.now()]);
  await session.query({ text: `DROP TABLE IF EXISTS ${names}` });
  return events;
}

async function countEvents(session: Session, day: Day): Promise<number | null> {
  const name = partitionOf('event', day);
  const [found] = await session.query<{ estimate: number }>(
    { text: `SELECT reltuples::bigint AS estimate FROM pg_class WHERE oid = to_regclass($1)` },
    [name],
  );
  // Another node was faster.
  if (!found) return null;
  if (found.estimate > COUNTED_EVENTS) return found.estimate;
  const [row] = await session.query<{ count: number }>({ text: `SELECT count(*) FROM ${name}` });
  return row?.count ?? 0;
}
