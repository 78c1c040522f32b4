import type { HistoryFill } from './history.ts';

/** What a store holds of a run. */
export interface StoredCounts {
  readonly events: number;
  readonly succeeded: number;
  /** Deliveries in any other state. */
  readonly others: number;
  readonly attempts: number;
  /** Whose attempt ended in the window; its commit follows by milliseconds, the same at both ends. */
  readonly succeededInWindow: number;
  /** Accepted by the end of the window and not yet delivered then. */
  readonly waitingAtEnd: number;
  /** When the last attempt ended that succeeded, in milliseconds since 1970. */
  readonly lastEndedAt: number;
}

/** Times in milliseconds since 1970. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** A database of its own for a measurement, which goes when it is disposed of. */
export interface BenchDatabase extends AsyncDisposable {
  /** What Posthorn is given as DATABASE_URL. */
  readonly url: string;
  /** How many deliveries are pending. Quick: pending ones have a table of their own. */
  pendingCount(): Promise<number>;
  /**
   * Counts the events accepted since a time, once the server has stopped, so that counting takes
   * nothing from it. Every row has its times: what was in a window can be told afterwards.
   */
  storedCounts(since: number, window: Window): Promise<StoredCounts>;
  /** A connection of its own that tells whether an event's delivery is recorded. */
  watchEnded(): Promise<EndedWatch>;
  /** Puts ended deliveries into it, by SQL. Its server must be stopped, and have run on it before. */
  addHistory(history: HistoryFill): Promise<void>;
  /** As a client that forgets to end its transaction; undefined where that disturbs nothing. */
  readonly holdTransaction?: () => Promise<HeldTransaction>;
}

export interface EndedWatch extends AsyncDisposable {
  hasEnded(eventId: string): Promise<boolean>;
}

/** A transaction with a snapshot: what others delete meanwhile stays where it is. */
export interface HeldTransaction extends AsyncDisposable {
  /** Deleted and replaced rows of the queue that are there still, about. Fails if it did not hold. */
  deadRows(): Promise<number>;
}

/** A store that Posthorn can be measured on. */
export interface BenchStore {
  readonly name: string;
  /** At the newest schema or without any: Posthorn brings it up to date at its start. */
  fresh(): Promise<BenchDatabase>;
}

/** The account that events are put into: the first one that Posthorn makes. */
export const BENCH_ACCOUNT_ID = 1;

/** How a store writes an event id, given its 32 hex digits. */
type IdLiteral = (hex: string) => string;

/** @param id of the event, as the store writes a parameter */
export function hasEndedQuery(id: string): string {
  return `SELECT count(*) FROM delivery WHERE account_id = ${BENCH_ACCOUNT_ID} AND event_id = ${id}`;
}

export const PENDING_COUNT = 'SELECT count(*) FROM queue';

/** One number for each name. Both stores' tables have these names, and ids that rise with time. */
export function countQueries(
  idLiteral: IdLiteral,
  firstId: string,
  { from, to }: Window,
): Record<keyof StoredCounts, string> {
  const id = idLiteral(firstId);
  const deliveries = `SELECT count(*) FROM delivery
    WHERE account_id = ${BENCH_ACCOUNT_ID} AND event_id >= ${id}`;
  return {
    events: `SELECT count(*) FROM event WHERE account_id = ${BENCH_ACCOUNT_ID} AND id >= ${id}`,
    succeeded: `${deliveries} AND status = 'succeeded'`,
    others: `SELECT (${PENDING_COUNT}) + (${deliveries} AND status <> 'succeeded')`,
    attempts: `SELECT count(*) FROM attempt WHERE event_id >= ${id}`,
    succeededInWindow: `${deliveries} AND status = 'succeeded'
      AND ended_at >= ${from} AND ended_at < ${to}`,
    waitingAtEnd: `SELECT (${PENDING_COUNT} WHERE created_at < ${to}) +
      (${deliveries} AND created_at < ${to} AND ended_at >= ${to})`,
    lastEndedAt: deliveries.replace('count(*)', 'coalesce(max(ended_at), 0)'),
  };
}
