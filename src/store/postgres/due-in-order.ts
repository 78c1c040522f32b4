import { shardOf } from '../../domain/shard.ts';
import type { DispatchStore, DuePage } from '../store.ts';
import { fromUuid, textArray } from './arrays.ts';
import { toPending } from '../queue-rows.ts';
import { bodiesOf, type DueRow } from './due-pages.ts';
import type { Session } from './session.ts';
import type { SessionPool } from './session-pool.ts';

/**
 * Those without a key are few and old: they were accepted before their webhook was set to take leads
 * in order. They are looked for among so many that are due, so that a long wait of leads is not walked.
 */
const WITHOUT_KEY_WINDOW = 1_000;

const COLUMNS =
  'account_id, event_id, webhook_version, attempt_count, next_attempt_at, created_at, schedule_base, ' +
  'ordering_key, place';

const IS_ACTIVE = `EXISTS (SELECT 1 FROM webhook w WHERE w.id = $1 AND w.status = 'active')`;

/** Steps from key to key in the index, beginning after $2, and not beyond $6. */
const FIRST_OF_EACH_KEY = {
  name: 'first_of_each_key',
  text: `WITH RECURSIVE first AS (
      (SELECT ${COLUMNS} FROM queue WHERE webhook_id = $1 AND ordering_key > $2
        ORDER BY ordering_key, place LIMIT 1)
      UNION ALL
      SELECT n.* FROM first CROSS JOIN LATERAL (
        SELECT ${COLUMNS} FROM queue WHERE webhook_id = $1 AND ordering_key > first.ordering_key
        ORDER BY ordering_key, place LIMIT 1
      ) AS n WHERE $6::text IS NULL OR first.ordering_key < $6
    )
    SELECT ${COLUMNS} FROM first
    WHERE next_attempt_at <= $3 AND ordering_key <> ALL ($4::text[])
      AND ($6::text IS NULL OR ordering_key <= $6) AND ${IS_ACTIVE} LIMIT $5`,
};

const WITHOUT_KEY = {
  name: 'without_key',
  text: `SELECT ${COLUMNS} FROM (
      SELECT ${COLUMNS} FROM queue
      WHERE shard = $2 AND webhook_id = $1 AND next_attempt_at <= $3 AND ${IS_ACTIVE}
      ORDER BY next_attempt_at, event_id LIMIT ${WITHOUT_KEY_WINDOW}
    ) AS due WHERE ordering_key IS NULL ORDER BY next_attempt_at, event_id`,
};

const NEXT_DUE = {
  name: 'next_due',
  text: `SELECT next_attempt_at FROM queue
    WHERE shard = $2 AND webhook_id = $1 AND next_attempt_at > $3 AND ${IS_ACTIVE}
    ORDER BY next_attempt_at LIMIT 1`,
};

type Options = Parameters<DispatchStore['dueInOrder']>[3];

interface Row extends DueRow {
  readonly ordering_key: string | null;
}

/** Reads of webhooks that take each lead's events one after another. */
export class DueInOrder {
  readonly #pool: SessionPool;

  constructor(pool: SessionPool) {
    this.#pool = pool;
  }

  page(webhookId: number, now: number, limit: number, options: Options): Promise<DuePage> {
    return this.#pool.run(async (session) => {
      const rows = await candidates(session, webhookId, now, limit + 1, options);
      const due = rows.slice(0, limit);
      const bodies = await bodiesOf(session, due);
      const deliveries = due.flatMap((row) => {
        const body = bodies.get(row.event_id);
        return body
          ? [{ ...toPending(row, body, webhookId, fromUuid), orderingKey: keyOf(row) }]
          : [];
      });
      // More than was asked for, or than a page may weigh: that is due already.
      const end = due.findLastIndex((row) => bodies.has(row.event_id)) + 1;
      if (rows.length > end) return { deliveries, nextDueAt: now };
      const values = [webhookId, shardOf(webhookId), now];
      const [next] = await session.query<{ next_attempt_at: number }>(NEXT_DUE, values);
      return { deliveries, nextDueAt: next?.next_attempt_at ?? null };
    });
  }
}

async function candidates(
  session: Session,
  webhookId: number,
  now: number,
  limit: number,
  { exceptKeys, after }: Options,
): Promise<Row[]> {
  const except = new Set(exceptKeys);
  const loose = await session.query<Row>(WITHOUT_KEY, [webhookId, shardOf(webhookId), now]);
  const rows = loose.filter((row) => !except.has(keyOf(row))).slice(0, limit);
  const keys = textArray(exceptKeys);
  const rounds =
    after === null ? [['', null] as const] : [[after, null] as const, ['', after] as const];
  for (const [from, to] of rounds) {
    if (rows.length === limit) break;
    const values = [webhookId, from, now, keys, limit - rows.length, to];
    rows.push(...(await session.query<Row>(FIRST_OF_EACH_KEY, values)));
  }
  return rows;
}

function keyOf(row: Row): string {
  return row.ordering_key ?? fromUuid(row.event_id);
}
