import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { StoreNotUsable } from '../store.ts';

/** Forward only; a migration that was released is never edited. Their number is the schema's version. */
const FILES = ['0001-first.sql', '0002-policy.sql', '0003-redo.sql', '0004-health.sql'];

export const LATEST_VERSION = FILES.length;

/** Brings the schema up to date in one transaction, and checks what was applied before. */
export function migrate(database: Database.Database): void {
  const migrations = FILES.map((name) => {
    const sql = readFileSync(new URL(`migrations/${name}`, import.meta.url), 'utf8');
    return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  });
  database
    .transaction(() => {
      database.exec(
        'CREATE TABLE IF NOT EXISTS migration ' +
          '(version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT',
      );
      const applied = database
        .prepare<[], { version: number; checksum: string }>(
          'SELECT version, checksum FROM migration ORDER BY version',
        )
        .all();
      for (const { version, checksum } of applied) {
        if (migrations[version - 1]?.checksum === checksum) continue;
        throw new StoreNotUsable(`Migration ${version} is not the one that made this database`);
      }
      for (const [i, { name, sql, checksum }] of migrations.entries()) {
        if (i < applied.length) continue;
        database.exec(sql);
        database.prepare('INSERT INTO migration VALUES (?, ?, ?)').run(i + 1, name, checksum);
        database.pragma(`user_version = ${i + 1}`);
      }
    })
    .immediate();
}
