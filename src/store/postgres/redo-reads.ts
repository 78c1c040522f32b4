import type { EventId } from '../../domain/ids.ts';
import type { Redo } from '../../domain/redo.ts';
import { SHARD_COUNT } from '../../domain/shard.ts';
import { redoOf } from '../redo-rows.ts';
import type { CountStep, RedoSet } from '../redo-store.ts';
import { numberArray } from './arrays.ts';
import { findEnded, findMissed, findRedo, type RedoRow } from './redo-finds.ts';
import type { SessionPool } from './session-pool.ts';

/** Of each webhook the oldest one. */
const UNFINISHED = {
  name: 'redo_unfinished',
  text: `SELECT DISTINCT ON (webhook_id) * FROM redo
    WHERE ended_at IS NULL AND webhook_id % ${SHARD_COUNT} = ANY ($1::bigint[])
    ORDER BY webhook_id, id`,
};

/** What is read of redos. */
export class RedoReads {
  readonly #pool: SessionPool;

  constructor(pool: SessionPool) {
    this.#pool = pool;
  }

  async redo(accountId: number, id: number): Promise<Redo | undefined> {
    const row = await this.#pool.run((session) => findRedo(session, id));
    return row?.account_id === accountId ? redoOf(row) : undefined;
  }

  async unfinishedRedos(shards: readonly number[]): Promise<Redo[]> {
    const rows = await this.#pool.run((session) =>
      session.query<RedoRow>(UNFINISHED, [numberArray(shards)]),
    );
    return rows.map(redoOf);
  }

  countRedo(set: RedoSet, after: EventId | null, limit: number): Promise<CountStep> {
    return this.#pool.run(async (session) => {
      if (set.kind === 'replay') {
        const ended = await findEnded(session, set, after, limit);
        return { count: ended.length, last: ended.length < limit ? null : (ended.at(-1) ?? null) };
      }
      const { missed, last } = await findMissed(session, set, after, limit);
      return { count: missed.length, last };
    });
  }
}
