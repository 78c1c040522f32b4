import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailable } from '../store.ts';
import type { Session } from './session.ts';
import { sqlStateOf } from './sql-errors.ts';

/** How often, and how soon after one another, a transaction that is still under way is asked about. */
const MAX_LOOKS = 20;
const BETWEEN_LOOKS_MS = 100;

const XACT_STATUS = {
  name: 'xact_status',
  text: 'SELECT pg_xact_status($1::text::xid8) AS status',
};

/** "transaction ID … is in the future": the server crashed, and gave nobody that id again so far. */
const INVALID_PARAMETER = '22023';

export interface RunsWork {
  run<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
}

/**
 * Whether a transaction whose commit was not answered took effect. Its id only says that it is over:
 * an id that no durable record names is given again after a crash, so that "committed" may be said of
 * another one. What it wrote itself is the evidence.
 * @throws StoreUnavailable while it cannot be told
 */
export async function isCommitted(
  store: RunsWork,
  xid: string,
  evidence: (session: Session) => Promise<boolean>,
): Promise<boolean> {
  for (let looks = 1; looks <= MAX_LOOKS; looks += 1) {
    if (await isOver(store, xid)) return store.run(evidence);
    await sleep(BETWEEN_LOOKS_MS);
  }
  throw new StoreUnavailable('A transaction whose connection broke is still under way');
}

async function isOver(store: RunsWork, xid: string): Promise<boolean> {
  return store.run(async (session) => {
    try {
      const [row] = await session.query<{ status: string | null }>(XACT_STATUS, [xid]);
      return row?.status !== 'in progress';
    } catch (error) {
      if (sqlStateOf(error) === INVALID_PARAMETER) return true;
      throw error;
    }
  });
}
