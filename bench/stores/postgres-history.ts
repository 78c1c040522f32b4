import type pg from 'pg';
import {
  dayOf,
  PARTITIONED,
  partitionOf,
  Partitions,
  startOf,
  type Day,
} from '../../src/store/postgres/partitions.ts';
import { SessionPool } from '../../src/store/postgres/session-pool.ts';
import { withClient } from '../../test/postgres/test-databases.ts';
import {
  firstEventAt,
  historyInserts,
  ownerInserts,
  type HistoryFill,
  type SqlWords,
} from './history.ts';

const CONNECTIONS = 2;

const WORDS: SqlWords = {
  numbers: (from, below) =>
    `(SELECT n::bigint FROM generate_series(${from}, ${below - 1}) AS n) AS number`,
  id: (text) => `(${text})::uuid`,
  hex: (value, digits) => `lpad(to_hex((${value})::bigint), ${digits}, '0')`,
};

/** Day by day into the partitions, some at once; then as autovacuum and a checkpoint leave them. */
export async function fillPostgres(url: string, fill: HistoryFill): Promise<void> {
  const days = Array.from(
    { length: dayOf(fill.to) - dayOf(fill.from) + 1 },
    (_, i) => dayOf(fill.from) + i,
  );
  await makePartitions(url, days);
  await withClient(url, async (client) => {
    for (const sql of ownerInserts(WORDS)) await client.query(sql);
    await client.query(`INSERT INTO webhook_health (webhook_id, seq, consecutive_failures)
      SELECT id, 0, 0 FROM webhook`);
  });
  const left = days.values();
  const worker = (): Promise<void> =>
    withClient(url, async (client) => {
      await client.query('SET synchronous_commit = off');
      for (const day of left) await fillDay(client, fill, day);
    });
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  await withClient(url, async (client) => {
    await client.query('VACUUM ANALYZE');
    await client.query('CHECKPOINT');
  });
}

async function makePartitions(url: string, days: readonly Day[]): Promise<void> {
  const pool = new SessionPool(url);
  try {
    await new Partitions(pool).make(days);
  } finally {
    await pool.close();
  }
}

async function fillDay(client: pg.Client, fill: HistoryFill, day: Day): Promise<void> {
  const [from, below] = [day, day + 1].map((bound) => firstEventAt(fill, startOf(bound)));
  if (from === undefined || below === undefined || from >= below) return;
  const inserts = historyInserts(WORDS, fill, from, below);
  for (const table of PARTITIONED) await client.query(inserts[table](partitionOf(table, day)));
}
