import Database from 'better-sqlite3';
import {
  eventCount,
  historyInserts,
  ownerInserts,
  type HistoryFill,
  type SqlWords,
} from './history.ts';

const EVENTS_AT_A_TIME = 200_000;
const CACHE_KIB = 1024 * 1024;

const WORDS: SqlWords = {
  numbers: (from, below) => `(WITH RECURSIVE number (n) AS (
    SELECT ${from} UNION ALL SELECT n + 1 FROM number WHERE n < ${below - 1}) SELECT n FROM number)`,
  id: (text) => `unhex(${text})`,
  hex: (value, digits) => `printf('%0${digits}x', ${value})`,
};

/** Indexes are made anew at the end: sorting is faster than finding each row's place in them. */
export function fillSqlite(file: string, fill: HistoryFill): void {
  const database = new Database(file, { fileMustExist: true });
  try {
    database.pragma(`cache_size = -${CACHE_KIB}`);
    database.pragma('synchronous = OFF');
    database.pragma('journal_mode = OFF');
    for (const sql of ownerInserts(WORDS)) database.exec(sql);
    database.exec(`INSERT INTO webhook_health (webhook_id, consecutive_failures)
      SELECT id, 0 FROM webhook`);
    const indexes = database
      .prepare<unknown[], { name: string; sql: string }>(
        `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
          AND tbl_name IN ('event', 'delivery', 'attempt')`,
      )
      .all();
    for (const { name } of indexes) database.exec(`DROP INDEX ${name}`);
    const all = eventCount(fill);
    for (let from = 0; from < all; from += EVENTS_AT_A_TIME) {
      const inserts = historyInserts(WORDS, fill, from, Math.min(from + EVENTS_AT_A_TIME, all));
      for (const [table, insert] of Object.entries(inserts)) database.exec(insert(table));
    }
    for (const { sql } of indexes) database.exec(sql);
  } finally {
    database.close();
  }
}
