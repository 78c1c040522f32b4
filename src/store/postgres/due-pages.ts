import type { PendingDelivery } from '../../domain/delivery.ts';
import type { EventId } from '../../domain/ids.ts';
import { ONE_ATTEMPT } from '../../domain/retry.ts';
import { shardOf } from '../../domain/shard.ts';
import { toPending, type BodyRow, type QueueRow } from '../queue-rows.ts';
import type { DuePage } from '../store.ts';
import { fromUuid, toUuid, uuidArray } from './arrays.ts';
import { lookUp } from './look-up.ts';
import type { Session } from './session.ts';
import type { SessionPool } from './session-pool.ts';

/** A page stops at this many bytes of bodies: at 256 KiB an event 1,000 rows would be 256 MiB. */
const MAX_PAGE_SIZE = 4 * 1024 * 1024;

/**
 * Vacuum removes nothing while somebody holds a transaction open, and a read then walks over every
 * delivery that the webhook has had since: 130,000 of them took 25 ms. So after a read that took
 * longer than this the next ones begin a little below where it found the first row…
 */
const SLOW_MS = 20;
/** …by so much: an event may be stored some time after its id was made, by a node whose clock is behind… */
const SLACK_MS = 60_000;
/** …and after so long the next one looks at everything again. */
const UNTIL_FULL_READ_MS = 5_000;

const IS_ACTIVE = `EXISTS (SELECT 1 FROM webhook w WHERE w.id = $2 AND w.status = 'active')`;

const DUE_COLUMNS =
  'account_id, event_id, webhook_version, attempt_count, next_attempt_at, created_at, schedule_base';

/** What is due, then the first row that is not. */
const DUE = {
  name: 'due',
  text: `(SELECT ${DUE_COLUMNS} FROM queue
      WHERE shard = $1 AND webhook_id = $2 AND next_attempt_at BETWEEN $6 AND $3 AND ${IS_ACTIVE}
        AND event_id <> ALL ($5::uuid[])
      ORDER BY next_attempt_at, event_id LIMIT $4)
    UNION ALL
    (SELECT ${DUE_COLUMNS} FROM queue
      WHERE shard = $1 AND webhook_id = $2 AND next_attempt_at > $3 AND ${IS_ACTIVE}
      ORDER BY next_attempt_at, event_id LIMIT 1)
    ORDER BY next_attempt_at, event_id`,
};

/**
 * The bodies of a page, in its order, until they are too many. The bounds of its ids say which
 * partitions. OFFSET 0 keeps it a look-up for each id: as a join it is planned as a walk over all
 * events between the bounds, of which a webhook may have got one in a hundred.
 */
const BODIES = {
  name: 'bodies',
  text: `SELECT id, type, body FROM (
      SELECT e.*, p.i, sum(size) OVER (ORDER BY p.i) - size AS size_before
      FROM unnest($1::uuid[]) WITH ORDINALITY AS p (id, i) CROSS JOIN LATERAL (
        SELECT id, type, body, octet_length(body) AS size FROM event
        WHERE account_id = $2 AND event.id = p.id AND event.id BETWEEN $3::uuid AND $4::uuid OFFSET 0
      ) AS e
    ) AS page WHERE size_before <= ${MAX_PAGE_SIZE} ORDER BY i`,
};

const RETRIED = {
  name: 'retried',
  text: `SELECT ${DUE_COLUMNS} FROM (
      SELECT q.* FROM unnest($1::uuid[]) AS named (id) CROSS JOIN LATERAL (
        SELECT * FROM queue WHERE ${lookUp('webhook_id', '$2::bigint')} AND event_id = named.id OFFSET 0
      ) AS q
    ) AS retried WHERE schedule_base = ${ONE_ATTEMPT} AND ${IS_ACTIVE}`,
};

interface DueRequest {
  readonly webhookId: number;
  readonly now: number;
  readonly limit: number;
  readonly except: readonly EventId[];
  /** The earliest due time that is looked at. */
  readonly from: number;
}

interface DueRead {
  readonly page: DuePage;
  /** The due time of the first row that was found. */
  readonly first: number | undefined;
  readonly tookMs: number;
}

export type DueRow = QueueRow<string>;

interface IdentifiedBody extends BodyRow {
  readonly id: string;
}

/** Where reads of a webhook begin, until a time. */
interface Floor {
  readonly from: number;
  readonly until: number;
}

/** Reads of what is due, webhook by webhook. */
export class DuePages {
  readonly #pool: SessionPool;
  readonly #slowMs: number;
  readonly #floors = new Map<number, Floor>();

  /** @param slowMs a read that takes longer is not made in full every time */
  constructor(pool: SessionPool, slowMs = SLOW_MS) {
    this.#pool = pool;
    this.#slowMs = slowMs;
  }

  async due(
    webhookId: number,
    now: number,
    limit: number,
    except: readonly EventId[] = [],
  ): Promise<DuePage> {
    const floor = this.#floors.get(webhookId);
    const full = floor === undefined || now >= floor.until;
    const from = full ? 0 : floor.from;
    const request = { webhookId, now, limit, except, from };
    const { page, first, tookMs } = await this.#pool.run((session) => readDue(session, request));
    if (!full) return { ...page, nextDueAt: Math.min(page.nextDueAt ?? floor.until, floor.until) };
    if (tookMs > this.#slowMs) {
      const until = now + UNTIL_FULL_READ_MS;
      this.#floors.set(webhookId, { from: Math.min(first ?? now, now) - SLACK_MS, until });
    } else {
      this.#floors.delete(webhookId);
    }
    return page;
  }
}

/** Of these events an active webhook's deliveries that were put back for one attempt more. */
export function retried(
  pool: SessionPool,
  webhookId: number,
  eventIds: readonly EventId[],
): Promise<readonly PendingDelivery[]> {
  return pool.run(async (session) => {
    const rows = await session.query<DueRow>(RETRIED, [uuidArray(eventIds), webhookId]);
    return withBodies(rows, await bodiesOf(session, rows), webhookId);
  });
}

/** Two statements: a body never changes, and an event that retention has taken is due no more. */
async function readDue(
  session: Session,
  { webhookId, now, limit, except, from }: DueRequest,
): Promise<DueRead> {
  const values = [shardOf(webhookId), webhookId, now, limit + 1, uuidArray(except), from];
  const began = performance.now();
  const rows = await session.query<DueRow>(DUE, values);
  const tookMs = performance.now() - began;
  const due = rows.slice(0, limit).filter((row) => row.next_attempt_at <= now);
  const bodies = await bodiesOf(session, due);
  const deliveries = withBodies(due, bodies, webhookId);
  // The page may weigh enough before its end: it goes on there.
  const end = due.findLastIndex((row) => bodies.has(row.event_id)) + 1;
  const page = { deliveries, nextDueAt: rows[end]?.next_attempt_at ?? null };
  return { page, first: rows[0]?.next_attempt_at, tookMs };
}

function withBodies(
  rows: readonly DueRow[],
  bodies: ReadonlyMap<string, BodyRow>,
  webhookId: number,
): PendingDelivery[] {
  return rows.flatMap((row) => {
    const body = bodies.get(row.event_id);
    return body ? [toPending(row, body, webhookId, fromUuid)] : [];
  });
}

export async function bodiesOf(
  session: Session,
  page: readonly DueRow[],
): Promise<ReadonlyMap<string, BodyRow>> {
  const [first] = page;
  if (!first) return new Map();
  const ids = page.map((row) => fromUuid(row.event_id));
  const inOrder = ids.toSorted();
  const bounds = [inOrder[0], inOrder.at(-1)].map((id) => toUuid(id as EventId));
  const rows = await session.query<IdentifiedBody>(BODIES, [
    uuidArray(ids),
    first.account_id,
    ...bounds,
  ]);
  return new Map(rows.map((row) => [row.id, row]));
}
