import { NO_ATTEMPTS_LEFT } from '../../domain/announcement.ts';
import type { OperationalEventType } from '../../domain/event.ts';
import type { Announced } from '../health-store.ts';
import { OPERATIONAL_TYPES } from '../matched-event.ts';
import type { AcceptEntry, RecordEntry } from '../store.ts';
import { ALL_ACCEPTED, sendAccepts } from './accepting.ts';
import { numberArray, textArray, uuidArray } from './arrays.ts';
import { VERSION } from './dispatch-reads.ts';
import type { Partitions } from './partitions.ts';
import type { Session } from './session.ts';
import type { SessionPool } from './session-pool.ts';

/** An operational event that could not be delivered is not worth another one: they would go on for ever. */
export const NO_OPERATIONAL = `e.type NOT IN (${OPERATIONAL_TYPES})`;

const ANNOUNCE = {
  name: 'announce',
  text: `INSERT INTO announcement (account_id, webhook_id, type, at, reason)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[])`,
};

/** Looked up one by one: an event's primary key begins with its account. */
const ANNOUNCE_EXHAUSTED = {
  name: 'announce_exhausted',
  text: `INSERT INTO announcement (account_id, webhook_id, type, at, reason, event_id, event_type,
      campaign_id, client_id, attempt_count)
    SELECT e.account_id, given.webhook_id, 'DELIVERY_EXHAUSTED', given.at, '${NO_ATTEMPTS_LEFT}', e.id,
      e.type, e.campaign_id, e.client_id, given.attempt_count
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::bigint[])
        AS given (account_id, webhook_id, at, event_id, attempt_count)
      CROSS JOIN LATERAL (SELECT * FROM event
        WHERE account_id = given.account_id AND id = given.event_id LIMIT 1) AS e
    WHERE ${NO_OPERATIONAL}`,
};

const STRIKE_OUT = {
  name: 'strike_out',
  text: 'DELETE FROM announcement WHERE id = ANY ($1::bigint[]) RETURNING id',
};

/** Something that has happened to a webhook and is no delivery's end. */
export interface WebhookNews {
  readonly accountId: number;
  readonly webhookId: number;
  readonly type: OperationalEventType;
  readonly at: number;
  readonly reason: string | null;
}

/** Inside the transaction in which it happens. */
export async function announceWebhooks(
  session: Session,
  news: readonly WebhookNews[],
): Promise<void> {
  if (news.length === 0) return;
  await session.query(ANNOUNCE, [
    numberArray(news.map(({ accountId }) => accountId)),
    numberArray(news.map(({ webhookId }) => webhookId)),
    textArray(news.map(({ type }) => type)),
    numberArray(news.map(({ at }) => at)),
    textArray(news.map(({ reason }) => reason)),
  ]);
}

/** Records that were told to its owner's mark of the breaker. */
export function newsOf(recorded: readonly RecordEntry[]): WebhookNews[] {
  const news: WebhookNews[] = [];
  for (const { accountId, webhookId, attempt, mark } of recorded) {
    if (mark?.announce === undefined) continue;
    const at = attempt.startedAt + attempt.durationMs;
    news.push({ accountId, webhookId, type: mark.announce, at, reason: null });
  }
  return news;
}

/** @param ended records that have ended their deliveries */
export async function announceExhausted(
  session: Session,
  ended: readonly RecordEntry[],
): Promise<void> {
  const exhausted = ended.filter(({ next }) => next.status === 'exhausted');
  if (exhausted.length === 0) return;
  await session.query(ANNOUNCE_EXHAUSTED, [
    numberArray(exhausted.map(({ accountId }) => accountId)),
    numberArray(exhausted.map(({ webhookId }) => webhookId)),
    numberArray(exhausted.map(({ attempt }) => attempt.startedAt + attempt.durationMs)),
    uuidArray(exhausted.map(({ eventId }) => eventId)),
    numberArray(exhausted.map(({ attempt }) => attempt.number)),
  ]);
}

/** The account has changed since they were matched: to be rolled back. */
class Stale extends Error {
  override readonly name = 'Stale';
}

/** Makes events of what was announced; see `HealthStore`. */
export class Announcing {
  readonly #pool: SessionPool;
  readonly #partitions: Partitions;

  constructor(pool: SessionPool, partitions: Partitions) {
    this.#pool = pool;
    this.#partitions = partitions;
  }

  async announce(
    accountId: number,
    accountVersion: number,
    announced: readonly Announced[],
  ): Promise<boolean> {
    const accepts = announced.flatMap(({ accept }) => accept ?? []);
    const missing = this.#partitions.missing(accepts.map(({ event }) => event.id));
    if (missing.length > 0) await this.#partitions.make(missing);
    try {
      await this.#pool.transaction((session) =>
        store(session, accountId, accountVersion, announced),
      );
      return true;
    } catch (error) {
      if (error instanceof Stale) return false;
      throw error;
    }
  }
}

async function store(
  session: Session,
  accountId: number,
  accountVersion: number,
  announced: readonly Announced[],
): Promise<void> {
  const [account] = await session.query<{ version: number }>(VERSION, [accountId]);
  if (account?.version !== accountVersion) throw new Stale();
  const ids = announced.map(({ announcementId }) => announcementId).toSorted((a, b) => a - b);
  const rows = await session.query<{ id: number }>(STRIKE_OUT, [numberArray(ids)]);
  const struckOut = new Set(rows.map(({ id }) => id));
  const accepts: AcceptEntry[] = announced.flatMap(({ announcementId, accept }) =>
    accept && struckOut.has(announcementId) ? [{ ...accept, accountVersion }] : [],
  );
  if (accepts.length === 0) return;
  const { codes } = await sendAccepts(session, accepts);
  if (!ALL_ACCEPTED.test(codes)) throw new Stale();
}
