import { channel } from 'node:diagnostics_channel';
import { DatabaseError, type Client } from 'pg';
import { NOTICE_HANGUPS, sessionSettings, type Purpose } from './connection.ts';
import { ConnectionLost } from './sql-errors.ts';

/** A statement with a name is parsed once for each session. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
}

export type Value = string | number | Buffer | null;

/** Setting a session up is one round trip. */
const PREPARE_LIMIT_MS = 3_000;

/** Every statement that is sent, with its values: for those who count or explain them. */
const sent = channel('posthorn:postgres:statement');

/**
 * A connection as the adapter uses it. Statements may be sent without waiting for the ones before;
 * they are answered in order. Once it has failed in any way that leaves its state open it is dead.
 */
export class Session {
  readonly #client: Client;
  readonly #onError = (error: Error): void => this.#die(error);
  readonly #onEnd = (): void => this.#die(new Error('The connection was closed'));
  #lost: ConnectionLost | undefined;

  /** @param client connected */
  constructor(client: Client) {
    this.#client = client;
    client.on('error', this.#onError);
    client.on('end', this.#onEnd);
  }

  get alive(): boolean {
    return this.#lost === undefined;
  }

  async query<Row>({ name, text }: Statement, values: readonly Value[] = []): Promise<Row[]> {
    const { rows } = await this.#send(name, text, values);
    return rows as Row[];
  }

  /** Resolves to false where the transaction had failed before and was rolled back instead. */
  async commit(): Promise<boolean> {
    return (await this.#send(undefined, 'COMMIT', [])).command === 'COMMIT';
  }

  /** What is not done after this time is cut off, with the connection. */
  async within<Result>(ms: number, work: () => Promise<Result>): Promise<Result> {
    const timer = setTimeout(
      () => this.destroy(new Error(`PostgreSQL did not answer within ${ms} ms`)),
      ms,
    );
    try {
      return await work();
    } finally {
      clearTimeout(timer);
    }
  }

  destroy(reason: Error): void {
    this.#die(reason);
    this.#client.connection.stream.destroy();
  }

  /** Gives the connection back to whoever lent it; a dead one still has its errors heard. */
  detach(): void {
    if (!this.alive) return;
    this.#client.off('error', this.#onError);
    this.#client.off('end', this.#onEnd);
  }

  async close(): Promise<void> {
    if (this.alive) await this.#client.end();
  }

  async #send(name: string | undefined, text: string, values: readonly Value[]) {
    if (this.#lost) throw this.#lost;
    if (sent.hasSubscribers) sent.publish({ name, text, values });
    try {
      return await this.#client.query({
        ...(name !== undefined && { name }),
        text,
        values: [...values],
      });
    } catch (error) {
      if (error instanceof DatabaseError) throw error;
      this.#die(error);
      throw this.#lost ?? error;
    }
  }

  #die(reason: unknown): void {
    this.#lost ??= new ConnectionLost(reason instanceof Error ? reason.message : String(reason));
  }
}

/** Connects, and sees to it that the session is what the adapter counts on. */
export async function openSession(client: Client, purpose: Purpose): Promise<Session> {
  const session = new Session(client);
  try {
    await client.connect();
  } catch (error) {
    if (error instanceof DatabaseError) throw error;
    throw new ConnectionLost((error as Error).message, { cause: error });
  }
  await session.within(PREPARE_LIMIT_MS, () => prepareSession(session, purpose));
  return session;
}

export async function prepareSession(session: Session, purpose: Purpose): Promise<void> {
  const noticing = session.query({ text: NOTICE_HANGUPS }).catch((error: unknown) => {
    if (!(error instanceof DatabaseError)) throw error;
  });
  await Promise.all([session.query({ text: sessionSettings(purpose) }), noticing]);
}

export type Settled<Work extends readonly Promise<unknown>[]> = {
  -readonly [Index in keyof Work]: Awaited<Work[Index]>;
};

/** Waits for all, then throws the first failure in their order: the later ones are its consequence. */
export async function inOrder<const Work extends readonly Promise<unknown>[]>(
  work: Work,
): Promise<Settled<Work>> {
  const settled = await Promise.allSettled(work);
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return (await Promise.all(work)) as Settled<Work>;
}
