/** The one place of the benchmark that knows the store's tables. */
import Database from 'better-sqlite3';

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
}

/** How many deliveries are pending. Quick: pending ones have a table of their own. */
export function pendingCount(databaseFile: string): number {
  return count(databaseFile, { pending: 'SELECT count(*) FROM queue' }).pending;
}

/**
 * Counts once the server has stopped, so that counting takes nothing from it. Every row has its
 * times, in milliseconds since 1970: what was in a window can be told afterwards.
 */
export function storedCounts(
  databaseFile: string,
  window: { readonly from: number; readonly to: number },
): StoredCounts {
  return count(
    databaseFile,
    {
      events: 'SELECT count(*) FROM event',
      succeeded: `SELECT count(*) FROM delivery WHERE status = 'succeeded'`,
      others: `SELECT (SELECT count(*) FROM queue) +
        (SELECT count(*) FROM delivery WHERE status <> 'succeeded')`,
      attempts: 'SELECT count(*) FROM attempt',
      succeededInWindow: `SELECT count(*) FROM delivery
        WHERE status = 'succeeded' AND ended_at >= @from AND ended_at < @to`,
      waitingAtEnd: `SELECT (SELECT count(*) FROM queue WHERE created_at < @to) +
        (SELECT count(*) FROM delivery WHERE created_at < @to AND ended_at >= @to)`,
    },
    window,
  );
}

function count<Name extends string>(
  databaseFile: string,
  queries: Readonly<Record<Name, string>>,
  window: Readonly<Record<string, number>> = {},
): Record<Name, number> {
  const database = new Database(databaseFile, { readonly: true, fileMustExist: true });
  try {
    const counted = Object.entries<string>(queries).map(([name, sql]) => [
      name,
      database.prepare<unknown[], number>(sql).pluck().get(window),
    ]);
    return Object.fromEntries(counted) as Record<Name, number>;
  } finally {
    database.close();
  }
}
