import pg from 'pg';
import { clientConfig } from './connection.ts';
import { inOrder, prepareSession, Session, type Settled } from './session.ts';
import { ConnectionLost, meaningOf, spoilsSession, storeError } from './sql-errors.ts';
import { transact } from './transact.ts';

/** Beside the commits: enough for reads to go on while some wait for a lock. */
const MAX_SESSIONS = 8;
const IDLE_MS = 60_000;

/** What a call may take, and how long it may wait for a session before. */
const WORK_LIMIT_MS = 5_000;

/** What lost against another transaction, or met a schema that has just changed, is tried so often. */
const MAX_TRIES = 4;

const BEGIN_SNAPSHOT = { text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' };
const ROLLBACK = { text: 'ROLLBACK' };

/** When the session of a connection was set up. */
const preparedAt = new WeakMap<pg.PoolClient, number>();

/** The sessions for everything but commits of the hot path. Errors are the port's. */
export class SessionPool {
  readonly #pool: pg.Pool;
  readonly #underWay = new Set<Promise<unknown>>();
  #lostAt = Number.NEGATIVE_INFINITY;

  constructor(url: string) {
    this.#pool = new pg.Pool({
      ...clientConfig(url, 'work'),
      max: MAX_SESSIONS,
      idleTimeoutMillis: IDLE_MS,
    });
    // An idle connection broke: the pool has let go of it, and the next call makes another.
    this.#pool.on('error', () => undefined);
  }

  /** One statement or several that need no common state. */
  run<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    return this.#track(this.attempt(work, WORK_LIMIT_MS, () => true));
  }

  /** Several statements that see one state: a delivery must not move between two of them. */
  snapshot<const Work extends readonly Promise<unknown>[]>(
    work: (session: Session) => Work,
  ): Promise<Settled<Work>> {
    return this.run(async (session) => {
      const began = session.query(BEGIN_SNAPSHOT);
      const results = work(session);
      const [, found] = await inOrder([began, inOrder(results), session.commit()]);
      return found;
    });
  }

  /** One transaction, of which it is always known whether it took effect: see transact.ts. */
  transaction<Result>(
    work: (session: Session) => Promise<Result>,
    limitMs = WORK_LIMIT_MS,
  ): Promise<Result> {
    return this.#track(transact(this, work, limitMs));
  }

  /** Lets calls under way end. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await this.#pool.end();
  }

  /** @param mayRepeat asked where it would help to do the work once more */
  async attempt<Result>(
    work: (session: Session) => Promise<Result>,
    limitMs: number,
    mayRepeat: () => boolean,
  ): Promise<Result> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#once(work, limitMs);
      } catch (error) {
        const meaning = meaningOf(error);
        const repeat = meaning === 'again' || meaning === 'afresh';
        if (!repeat || !mayRepeat() || tries === MAX_TRIES) throw storeError(error);
      }
    }
  }

  async #once<Result>(
    work: (session: Session) => Promise<Result>,
    limitMs: number,
  ): Promise<Result> {
    const { client, session } = await this.#acquire();
    try {
      const result = await session.within(limitMs, () => work(session));
      session.detach();
      client.release();
      return result;
    } catch (error) {
      await this.#letGo(client, session, error);
      throw error;
    }
  }

  async #acquire(): Promise<{ client: pg.PoolClient; session: Session }> {
    const client = await this.#connect();
    const session = new Session(client);
    if (preparedAt.has(client)) return { client, session };
    try {
      await session.within(WORK_LIMIT_MS, () => prepareSession(session, 'work'));
      preparedAt.set(client, performance.now());
      return { client, session };
    } catch (error) {
      session.destroy(error as Error);
      client.release(true);
      throw error;
    }
  }

  /**
   * Once a connection was lost, those that are older are not used any more: to a machine that has
   * vanished each of them would cost a caller the whole time limit.
   */
  async #connect(): Promise<pg.PoolClient> {
    for (;;) {
      let client: pg.PoolClient;
      try {
        client = await this.#pool.connect();
      } catch (error) {
        if (error instanceof pg.DatabaseError) throw error;
        throw new ConnectionLost((error as Error).message);
      }
      if ((preparedAt.get(client) ?? Number.POSITIVE_INFINITY) > this.#lostAt) return client;
      new Session(client).destroy(new Error('Older than one that was lost'));
      client.release(true);
    }
  }

  async #letGo(client: pg.PoolClient, session: Session, error: unknown): Promise<void> {
    if (session.alive && !spoilsSession(error)) {
      try {
        await session.within(WORK_LIMIT_MS, () => session.query(ROLLBACK));
        session.detach();
        client.release();
        return;
      } catch {
        // Dead now, which is as good.
      }
    }
    this.#lostAt = performance.now();
    session.destroy(error as Error);
    client.release(true);
  }

  async #track<Result>(work: Promise<Result>): Promise<Result> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }
}
