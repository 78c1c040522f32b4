import type { DeliveryKey, EventId } from '../../domain/ids.ts';
import { mostDue, type NewRedo, type Redo } from '../../domain/redo.ts';
import { ONE_ATTEMPT } from '../../domain/retry.ts';
import { shardOf } from '../../domain/shard.ts';
import type { WebhookStatus } from '../../domain/webhook.ts';
import { isStopped } from '../../domain/webhook-status.ts';
import { redoOf } from '../redo-rows.ts';
import type { CreateRedoResult, RedoStep, RetryResult } from '../redo-store.ts';
import { fromUuid, textArray, toUuid, uuidArray } from './arrays.ts';
import { lookUp } from './look-up.ts';
import { findEnded, findMissed, findRedo, type RedoRow } from './redo-finds.ts';
import type { Session } from './session.ts';
import type { SessionPool } from './session-pool.ts';

/** Events that one step of a backfill looks at, at most: most of them may not fit. */
const EVENTS_AT_A_TIME = 1_000;

const NOTHING: RedoStep = { putBack: 0, ended: false };

/**
 * Held until the commit: of a webhook one redo goes on at a time, and who stops it (which changes this
 * row) cancels afterwards what was put back before.
 */
const LOCK_WEBHOOK = {
  name: 'redo_lock_webhook',
  text: `SELECT account_id, status, version, ordering, concurrency, rate_limit AS "rateLimit"
    FROM webhook WHERE id = $1 FOR NO KEY UPDATE`,
};

/** Before the webhook's row, as records take them. */
const LOCK_SHARD = {
  name: 'redo_lock_shard',
  text: 'SELECT 1 FROM shard WHERE id = $1 FOR NO KEY UPDATE',
};

/**
 * Records of the shard wait for this one, or this one for them: with each delivery that ends goes whether
 * it ended before or after.
 */
const MARK_SHARD = {
  name: 'redo_mark_shard',
  text: 'UPDATE shard SET redo_id = $2 WHERE id = $1',
};

const IS_PENDING = {
  name: 'redo_is_pending',
  text: 'SELECT 1 FROM queue WHERE webhook_id = $1 AND event_id = $2::uuid',
};

const IS_ENDED = {
  name: 'redo_is_ended',
  text: 'SELECT 1 FROM delivery WHERE account_id = $1 AND event_id = $2::uuid AND webhook_id = $3',
};

const ORDERING_KEY = `CASE WHEN $5::boolean THEN (
      SELECT coalesce(nullif(e.lead, ''), 'evt_' || replace(e.id::text, '-', ''))
      FROM event e WHERE e.account_id = $1 AND e.id = t.event_id) END AS ordering_key`;

const COLUMNS = `account_id, event_id, webhook_id, webhook_version, attempt_count,
      next_attempt_at, created_at, schedule_base, ordering_key, place`;

const PLACE = `CASE WHEN ordering_key IS NOT NULL THEN nextval('queue_place') END`;

/** Of these events the ended deliveries to a webhook, back to the queue. */
const PUT_BACK = {
  name: 'redo_put_back',
  text: `WITH taken AS (
      DELETE FROM delivery d USING unnest($3::uuid[]) AS g (event_id)
      WHERE ${lookUp('d.account_id', '$1::bigint')} AND d.event_id = g.event_id
        AND ${lookUp('d.webhook_id', '$2::bigint')}
      RETURNING d.event_id, d.webhook_version, d.attempt_count, d.created_at
    ), keyed AS (
      SELECT t.*, ${ORDERING_KEY} FROM taken t ORDER BY t.event_id
    )
    INSERT INTO queue (${COLUMNS})
    SELECT $1, event_id, $2, webhook_version, attempt_count, $4, created_at,
      coalesce($6, attempt_count), ordering_key, ${PLACE}
    FROM keyed RETURNING 1`,
};

/** Of events that a webhook has missed, new deliveries. */
const MAKE = {
  name: 'redo_make',
  text: `WITH keyed AS (
      SELECT t.event_id, ${ORDERING_KEY}
      FROM unnest($3::uuid[]) WITH ORDINALITY AS t (event_id, i) ORDER BY i
    )
    INSERT INTO queue (${COLUMNS})
    SELECT $1, event_id, $2, $6, 0, $4, $4, 0, ordering_key, ${PLACE} FROM keyed RETURNING 1`,
};

const CREATE = {
  name: 'redo_create',
  text: `INSERT INTO redo (account_id, webhook_id, kind, webhook_version, account_version, from_at,
      to_at, statuses, status, put_back, created_at)
    VALUES ($1, $2, $3, $4, (SELECT version FROM account WHERE id = $1), $5, $6, $7, 'running', 0, $8)
    RETURNING *`,
};

const START = {
  name: 'redo_start',
  text: 'UPDATE redo SET total = coalesce(total, $2) WHERE id = $1 RETURNING total',
};

const OLDER = {
  name: 'redo_older',
  text: `SELECT 1 FROM redo WHERE webhook_id = $1 AND id < $2 AND ended_at IS NULL
    ORDER BY webhook_id, id LIMIT 1`,
};

const DUE = {
  name: 'redo_due',
  text: `SELECT count(*) AS count FROM (
      SELECT 1 FROM queue WHERE shard = $1 AND webhook_id = $2 AND next_attempt_at <= $3
      ORDER BY next_attempt_at, event_id LIMIT $4) AS due`,
};

const MOVE = {
  name: 'redo_move',
  text: `UPDATE redo SET put_back = put_back + $2, cursor = coalesce($3::uuid, cursor) WHERE id = $1`,
};

const END = {
  name: 'redo_end',
  text: 'UPDATE redo SET status = $2, ended_at = $3 WHERE id = $1',
};

interface LockedWebhook {
  readonly account_id: number;
  readonly status: WebhookStatus;
  readonly version: number;
  readonly ordering: string;
  readonly concurrency: number | null;
  readonly rateLimit: number | null;
}

/** Putting back what has ended, and making what was missed: each call is one transaction. */
export class RedoWrites {
  readonly #pool: SessionPool;

  constructor(pool: SessionPool) {
    this.#pool = pool;
  }

  retryDelivery(
    accountId: number,
    { eventId, webhookId }: DeliveryKey,
  ): Promise<RetryResult | undefined> {
    return this.#pool.transaction(async (session) => {
      const webhook = await lockWebhook(session, webhookId);
      if (webhook?.account_id !== accountId) return undefined;
      const key = toUuid(eventId);
      // The queue last: what is moved to it, or from it, between the two is found in one of them.
      const ended = await session.query(IS_ENDED, [accountId, key, webhookId]);
      const pending = await session.query(IS_PENDING, [webhookId, key]);
      if (ended.length > 0 && !isStopped(webhook)) {
        await putBack(session, webhook, webhookId, [eventId], ONE_ATTEMPT);
        return { kind: 'put_back' };
      }
      if (ended.length > 0) return { kind: 'stopped', status: webhook.status };
      return pending.length > 0 ? { kind: 'pending' } : undefined;
    });
  }

  createRedo(given: NewRedo): Promise<CreateRedoResult | undefined> {
    const { accountId, webhookId, kind, from, to, statuses } = given;
    return this.#pool.transaction(async (session) => {
      await session.query(LOCK_SHARD, [shardOf(webhookId)]);
      const webhook = await lockWebhook(session, webhookId);
      if (webhook?.account_id !== accountId) return undefined;
      if (isStopped(webhook)) return { kind: 'stopped', status: webhook.status };
      const fixed = [accountId, webhookId, kind, webhook.version];
      const values = [...fixed, from, to, textArray(statuses), Date.now()];
      const [row] = await session.query<RedoRow>(CREATE, values);
      if (!row) throw new Error('A redo was noted and is not there');
      await session.query(MARK_SHARD, [shardOf(webhookId), row.id]);
      return { kind: 'created', redo: redoOf(row) };
    });
  }

  async startRedo(id: number, count: number): Promise<number> {
    const rows = await this.#pool.transaction((session) =>
      session.query<{ total: number }>(START, [id, count]),
    );
    return rows[0]?.total ?? count;
  }

  stepRedo({ id, webhookId }: Pick<Redo, 'id' | 'webhookId'>, slots?: number): Promise<RedoStep> {
    return this.#pool.transaction(async (session) => {
      const webhook = await lockWebhook(session, webhookId);
      const redo = await findRedo(session, id);
      if (!redo || redo.ended_at !== null) return { putBack: 0, ended: true };
      if (!webhook || isStopped(webhook)) return end(session, id, 'canceled');
      if (redo.total === null) return NOTHING;
      if ((await session.query(OLDER, [webhookId, id])).length > 0) return NOTHING;
      const most = mostDue(webhook, slots);
      const room = most - (await dueOf(session, webhookId, most));
      if (room <= 0) return NOTHING;
      return redo.kind === 'replay'
        ? replay(session, redo, webhook, room)
        : backfill(session, redo, webhook, room);
    });
  }
}

async function lockWebhook(session: Session, id: number): Promise<LockedWebhook | undefined> {
  return (await session.query<LockedWebhook>(LOCK_WEBHOOK, [id]))[0];
}

async function dueOf(session: Session, webhookId: number, most: number): Promise<number> {
  const values = [shardOf(webhookId), webhookId, Date.now(), most];
  return (await session.query<{ count: number }>(DUE, values))[0]?.count ?? 0;
}

async function replay(
  session: Session,
  redo: RedoRow,
  webhook: LockedWebhook,
  room: number,
): Promise<RedoStep> {
  const events = await findEnded(session, redoOf(redo), cursorOf(redo), room);
  const done = await putBack(session, webhook, redo.webhook_id, events, null);
  return moved(session, redo, done, events.length < room ? null : (events.at(-1) ?? null));
}

async function backfill(
  session: Session,
  redo: RedoRow,
  { account_id: accountId, ordering }: LockedWebhook,
  room: number,
): Promise<RedoStep> {
  const found = await findMissed(session, redoOf(redo), cursorOf(redo), EVENTS_AT_A_TIME);
  const events = found.missed.slice(0, room);
  if (events.length > 0) {
    const { webhook_id: webhookId, webhook_version: version } = redo;
    const inOrder = String(ordering !== 'none');
    const values = [accountId, webhookId, uuidArray(events), Date.now(), inOrder, version];
    await session.query(MAKE, values);
  }
  const last = events.length < found.missed.length ? (events.at(-1) ?? null) : found.last;
  return moved(session, redo, events.length, last);
}

/** @param base what their schedules begin after; null: the attempts so far */
async function putBack(
  session: Session,
  { account_id: accountId, ordering }: LockedWebhook,
  webhookId: number,
  events: readonly EventId[],
  base: number | null,
): Promise<number> {
  if (events.length === 0) return 0;
  const inOrder = String(ordering !== 'none');
  const values = [accountId, webhookId, uuidArray(events), Date.now(), inOrder, base];
  return (await session.query(PUT_BACK, values)).length;
}

/** @param cursor the last event that was looked at; null: there is none after it */
async function moved(
  session: Session,
  { id }: RedoRow,
  done: number,
  cursor: EventId | null,
): Promise<RedoStep> {
  await session.query(MOVE, [id, done, cursor && toUuid(cursor)]);
  if (cursor) return { putBack: done, ended: false };
  return { ...(await end(session, id, 'done')), putBack: done };
}

async function end(session: Session, id: number, status: 'done' | 'canceled'): Promise<RedoStep> {
  await session.query(END, [id, status, Date.now()]);
  return { putBack: 0, ended: true };
}

function cursorOf({ cursor }: RedoRow): EventId | null {
  return cursor === null ? null : fromUuid(cursor);
}
