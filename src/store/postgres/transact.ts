import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailable } from '../store.ts';
import { isCommitted, type RunsWork } from './doubt.ts';
import { inOrder, type Session } from './session.ts';

/** How long a caller may be kept waiting for what became of a change whose commit was not answered. */
const FIND_OUT_LIMIT_MS = 15_000;
const FIND_OUT_AGAIN_MS = 250;

const BEGIN = { text: 'BEGIN' };

/** Found again, it says that the transaction was committed; see doubt.ts. */
const MARK = {
  name: 'mark_change',
  text: 'INSERT INTO change_marker (id) VALUES ($1) RETURNING pg_current_xact_id()::text AS xid',
};
const FIND_MARK = { name: 'find_mark', text: 'SELECT 1 FROM change_marker WHERE id = $1' };

interface AttemptsWork extends RunsWork {
  attempt<Result>(
    work: (session: Session) => Promise<Result>,
    limitMs: number,
    mayRepeat: () => boolean,
  ): Promise<Result>;
}

interface InDoubt<Result> {
  readonly xid: string;
  readonly mark: string;
  readonly result: Result;
}

/**
 * One transaction. Where the connection breaks in the middle of its commit it is found out what became
 * of it before this resolves or rejects: `StoreUnavailable` means that nothing was changed.
 */
export async function transact<Result>(
  store: AttemptsWork,
  work: (session: Session) => Promise<Result>,
  limitMs: number,
): Promise<Result> {
  const mark = randomUUID();
  let inDoubt: InDoubt<Result> | undefined;
  try {
    return await store.attempt(
      async (session) => {
        const [, [marked], result] = await inOrder([
          session.query(BEGIN),
          session.query<{ xid: string }>(MARK, [mark]),
          work(session),
        ]);
        inDoubt = { xid: marked?.xid ?? '', mark, result };
        if (!(await session.commit())) throw new Error('A failed transaction was to be committed');
        return result;
      },
      limitMs,
      () => inDoubt === undefined,
    );
  } catch (error) {
    if (!inDoubt || !(error instanceof StoreUnavailable)) throw error;
    if (await tookEffect(store, inDoubt, error)) return inDoubt.result;
    throw error;
  }
}

async function tookEffect(
  store: RunsWork,
  { xid, mark }: InDoubt<unknown>,
  error: StoreUnavailable,
): Promise<boolean> {
  const deadline = performance.now() + FIND_OUT_LIMIT_MS;
  for (;;) {
    try {
      return await isCommitted(
        store,
        xid,
        async (session) => (await session.query(FIND_MARK, [mark])).length > 0,
      );
    } catch (cause) {
      if (performance.now() < deadline && cause instanceof StoreUnavailable) {
        await sleep(FIND_OUT_AGAIN_MS);
        continue;
      }
      throw new Error(`It is not known whether a change was stored: ${error.message}`, { cause });
    }
  }
}
