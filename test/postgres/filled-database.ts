import { firstEventIdAt } from '../../src/domain/ids.ts';
import { Partitions } from '../../src/store/postgres/partitions.ts';
import { SessionPool } from '../../src/store/postgres/session-pool.ts';
import { withClient } from './test-databases.ts';

const DAY_MS = 86_400_000;
export const TODAY = Math.floor(Date.now() / DAY_MS) * DAY_MS;
export const DAYS = 6;
const EVENTS = 24_000;

/** What the statistics of the queue and its like are from; those of other tables are true. */
export const STATISTICS = ['now', 'a moment when they were empty'] as const;
type Statistics = (typeof STATISTICS)[number];

/** Tables that are empty again and again, and rows that they had before. */
const EMPTY_AT_TIMES = {
  queue: `(account_id, event_id, webhook_id, webhook_version, attempt_count, next_attempt_at, created_at)
    SELECT 1, gen_random_uuid(), n, 1, 0, 0, 0`,
  webhook_health: '(webhook_id, seq, consecutive_failures) SELECT n, 0, 0',
  event_key: `(account_id, caller_event_id, event_id) SELECT 1, 'k' || n, gen_random_uuid()`,
};
const OTHERS = `account, api_key, client, campaign, category, webhook, webhook_version, event, delivery,
  attempt, shard, node`;

/** Some days of events of many accounts, most of them delivered, today's pending still. */
export async function fill(url: string, statistics: Statistics): Promise<void> {
  const pool = new SessionPool(url);
  const today = TODAY / DAY_MS;
  await new Partitions(pool).make(Array.from({ length: DAYS }, (_, i) => today - i));
  await pool.close();
  await withClient(url, async (client) => {
    const run = (sql: string, ...values: unknown[]): Promise<unknown> => client.query(sql, values);
    if (statistics !== 'now') {
      for (const [table, before] of Object.entries(EMPTY_AT_TIMES)) {
        await run(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
        await run(`INSERT INTO ${table} ${before} FROM generate_series(1, 5000) n`);
        await run(`DELETE FROM ${table}`);
        await run(`VACUUM (ANALYZE, TRUNCATE OFF) ${table}`);
      }
    }
    await run(
      `INSERT INTO account (name, created_at) SELECT 'Account ' || n, 0 FROM generate_series(1, 50) n`,
    );
    await run(`INSERT INTO webhook (account_id, association, target_id, normalized_url, secret, status, version,
        created_at, updated_at)
      SELECT 1 + (n - 1) % 50, 1, NULL, 'https://example.com/' || n, 's', 'active', 1, 0, 0
      FROM generate_series(1, 2000) n`);
    await run(`INSERT INTO webhook_version (webhook_id, version, status, url, created_at)
      SELECT id, 1, 'active', 'https://example.com/', 0 FROM webhook`);
    await run('INSERT INTO webhook_health SELECT id, 0, NULL, NULL, 0 FROM webhook');
    await run(`INSERT INTO campaign (account_id, id, created_at, updated_at)
      SELECT a, c, 0, 0 FROM generate_series(1, 50) a, generate_series(1, 500) c`);
    await run(
      `INSERT INTO event (account_id, id, type, campaign_id, client_id, lead_email, lead, account_version, body)
       SELECT 1 + n % 50, (lpad(to_hex($1::bigint + n * $2::bigint), 12, '0') || '7000' || lpad(to_hex(n), 16, '0'))::uuid,
         (ARRAY['SENT', 'OPENED', 'CLICKED', 'REPLIED'])[1 + n / 50 % 4], 1 + n / 50 % 30,
         CASE WHEN n / 50 % 3 = 0 THEN 1 + n / 50 % 5 END, 'L' || n / 50 % 200 || '@x.y', 'l' || n / 50 % 200 || '@x.y', 1, '{}'
       FROM generate_series(0, $3::bigint - 1) n`,
      TODAY - (DAYS - 1) * DAY_MS,
      Math.floor((DAYS * DAY_MS) / EVENTS),
      EVENTS,
    );
    // Of account n the webhooks are n, n + 50 and so on; three get everything.
    const rows = `event CROSS JOIN generate_series(0, 2) AS w`;
    await run(
      `INSERT INTO delivery (account_id, event_id, webhook_id, webhook_version, status, attempt_count, created_at, ended_at)
      SELECT account_id, id, account_id + 50 * w, 1,
        (ARRAY['exhausted', 'canceled', 'succeeded', 'succeeded', 'succeeded', 'succeeded', 'succeeded', 'succeeded'])[1 + campaign_id % 8], 1, 0, 0
      FROM ${rows} WHERE id < $1::uuid`,
      firstEventIdAt(TODAY).slice(4),
    );
    await run(`INSERT INTO attempt (event_id, webhook_id, number, started_at, duration_ms, outcome, url, signature, user_agent)
      SELECT event_id, webhook_id, 1, 0, 0, 'delivered', 'u', 's', 'a' FROM delivery`);
    await run(
      `INSERT INTO queue (account_id, event_id, webhook_id, webhook_version, attempt_count, next_attempt_at, created_at)
      SELECT account_id, id, account_id + 50 * w, 1, 0, 0, 0 FROM ${rows} WHERE id >= $1::uuid`,
      firstEventIdAt(TODAY).slice(4),
    );
    await run(statistics === 'now' ? 'VACUUM ANALYZE' : `VACUUM ANALYZE ${OTHERS}`);
  });
}
