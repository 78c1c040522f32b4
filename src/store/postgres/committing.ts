import pg from 'pg';
import type { Webhook } from '../../domain/webhook.ts';
import { CommitInDoubt, StoreUnavailable, type CommitBatch, type CommitResult } from '../store.ts';
import type { Vault } from '../vault.ts';
import { evidenceOf, finishBatch, writeBatch, type WrittenBatch } from './batch-transaction.ts';
import { clientConfig } from './connection.ts';
import { isCommitted } from './doubt.ts';
import type { Partitions } from './partitions.ts';
import type { Registrar } from './registrar.ts';
import { openSession, type Session } from './session.ts';
import type { SessionPool } from './session-pool.ts';
import { lacksPartition, meaningOf, spoilsSession, storeError } from './sql-errors.ts';

/** A database that has not answered by then counts as away. */
const COMMIT_LIMIT_MS = 5_000;

/** A transaction that lost against another one, or found a partition gone, is made so often. */
const MAX_TRIES = 4;

const NOTHING: CommitResult = { records: [], accepts: [], disabled: [] };

/** Writes to the log of the database and waits until that is on disk, but changes no row. */
const PROBE = {
  text: `SELECT current_setting('transaction_read_only') = 'off'
    AND pg_logical_emit_message(true, 'posthorn', 'probe') IS NOT NULL AS writes`,
};

export interface CommittingParts {
  readonly url: string;
  readonly pool: SessionPool;
  readonly partitions: Partitions;
  readonly registrar: Registrar;
  readonly vault: Vault;
  /** Called with webhooks that a commit disabled. */
  disabled(webhooks: readonly Webhook[]): void;
}

/** The commits of the hot path, one at a time, on a session of their own. */
export class Committing {
  readonly #parts: CommittingParts;
  #session: Session | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(parts: CommittingParts) {
    this.#parts = parts;
  }

  commit(batch: CommitBatch): Promise<CommitResult> {
    const empty = batch.records.length + batch.accepts.length === 0;
    return this.#next(async () => (empty ? NOTHING : this.#commit(batch)));
  }

  probe(): Promise<void> {
    return this.#next(() => this.#probe());
  }

  /** Lets commits under way end. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    await this.#session?.close();
  }

  #next<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(new StoreUnavailable('The store is closed'));
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #commit(batch: CommitBatch): Promise<CommitResult> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#once(batch);
      } catch (error) {
        const meaning = meaningOf(error);
        const dropped = lacksPartition(error);
        if (dropped) this.#parts.partitions.forget();
        const repeat = dropped || meaning === 'again' || meaning === 'afresh';
        if (!repeat || tries === MAX_TRIES) throw storeError(error);
      }
    }
  }

  async #once(batch: CommitBatch): Promise<CommitResult> {
    const { partitions, registrar } = this.#parts;
    const missing = partitions.missing(batch.accepts.map(({ event }) => event.id));
    if (missing.length > 0) await partitions.make(missing);
    const session = await this.#connected();
    let written: WrittenBatch | undefined;
    try {
      await session.within(COMMIT_LIMIT_MS, async () => {
        written = await writeBatch(session, batch, this.#parts);
        await finishBatch(session, written, registrar);
      });
    } catch (error) {
      await this.#abandon(session, error);
      if (!written?.inDoubt) throw error;
      const doubtful = written;
      throw new CommitInDoubt(
        `The connection to PostgreSQL broke in the middle of a commit: ${(error as Error).message}`,
        () => this.#outcome(doubtful),
      );
    }
    if (!written) throw new Error('A commit ended without having begun');
    return this.#committed(written);
  }

  #committed({ result, mentions }: WrittenBatch): CommitResult {
    this.#parts.registrar.remember(mentions);
    if (result.disabled.length > 0) this.#parts.disabled(result.disabled);
    return result;
  }

  async #outcome(written: WrittenBatch): Promise<CommitResult | null> {
    const evidence = evidenceOf(written);
    if (evidence && !(await isCommitted(this.#parts.pool, written.xid, evidence))) return null;
    return this.#committed(written);
  }

  async #probe(): Promise<void> {
    try {
      const session = await this.#connected();
      try {
        const [found] = await session.within(COMMIT_LIMIT_MS, () =>
          session.query<{ writes: boolean }>(PROBE),
        );
        if (!found?.writes)
          throw new StoreUnavailable('PostgreSQL takes no changes: it is read-only');
      } catch (error) {
        await this.#abandon(session, error);
        throw error;
      }
    } catch (error) {
      throw storeError(error);
    }
  }

  async #connected(): Promise<Session> {
    if (this.#session?.alive) return this.#session;
    this.#session = await openSession(
      new pg.Client(clientConfig(this.#parts.url, 'commit')),
      'commit',
    );
    return this.#session;
  }

  /** After a failure: what could be in any state, or on a server that is no longer the right one, ends. */
  async #abandon(session: Session, error: unknown): Promise<void> {
    if (session.alive && !spoilsSession(error) && !(error instanceof StoreUnavailable)) {
      try {
        await session.within(COMMIT_LIMIT_MS, () => session.query({ text: 'ROLLBACK' }));
        return;
      } catch {
        // Dead now, which is as good.
      }
    }
    session.destroy(error as Error);
  }
}
