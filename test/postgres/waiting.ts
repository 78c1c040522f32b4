import { setTimeout as sleep } from 'node:timers/promises';
import { withClient } from './test-databases.ts';

const LIMIT_MS = 20_000;
const LOOK_MS = 10;

/** Resolves when it holds. Rejects when it has not for a long time. */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`It did not come to be that ${what}`);
    await sleep(LOOK_MS);
  }
}

/** Resolves when so many sessions of the database wait for a lock of another one. */
export function untilSomeoneWaits(url: string, sessions = 1): Promise<void> {
  return withClient(url, (client) =>
    until(`${sessions} wait for a lock`, async () => {
      const { rows } = await client.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows.length === sessions;
    }),
  );
}
