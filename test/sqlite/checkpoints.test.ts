import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { Checkpoints } from '../../src/store/sqlite/checkpoints.ts';

/** More than those from which on readers are waited for. */
const TOO_MANY_PAGES = 65_000;
const PAGE_BYTES = 512;

async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'posthorn-sqlite-'));
  return { path, [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }) };
}

/** A database like the store's; its pages are small, so that many of them are not many bytes. */
function openDatabase(file: string): Database.Database {
  const database = new Database(file, { timeout: 0 });
  database.pragma(`page_size = ${PAGE_BYTES}`);
  database.pragma('journal_mode = WAL');
  database.pragma('wal_autocheckpoint = 0');
  database.exec('CREATE TABLE filler (bytes BLOB)');
  return database;
}

function write(database: Database.Database, pages: number): void {
  database.prepare('INSERT INTO filler VALUES (zeroblob(?))').run(pages * PAGE_BYTES);
}

/** The checkpoints that are asked for from now on. */
function watch(database: Database.Database): string[] {
  const asked: string[] = [];
  const pragma = database.pragma.bind(database);
  database.pragma = (source, options) => {
    const [, mode = 'NOOP'] = /^wal_checkpoint\((\w+)\)$/.exec(source) ?? [];
    if (mode !== 'NOOP') asked.push(mode);
    return pragma(source, options);
  };
  return asked;
}

describe('a log that a long reader keeps from beginning anew', () => {
  it('makes a commit wait for the reader once a second, not every one', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'test.db');
    const database = openDatabase(file);
    const reader = new Database(file, { readonly: true });
    reader.exec('BEGIN; SELECT * FROM filler');
    write(database, TOO_MANY_PAGES);
    const checkpoints = new Checkpoints(database);
    const asked = watch(database);
    for (let now = 5_000; now < 7_000; now += 10) checkpoints.afterCommit(now);
    assert.deepEqual(asked, ['RESTART', 'RESTART']);

    reader.exec('COMMIT');
    checkpoints.afterCommit(7_000);
    assert.deepEqual(asked, ['RESTART', 'RESTART', 'RESTART']);
    write(database, 1);
    checkpoints.afterCommit(7_001);
    assert.equal(asked.length, 3, 'the log began anew');
    write(database, 4_000);
    checkpoints.afterCommit(7_002);
    assert.equal(asked.at(-1), 'PASSIVE', 'and checkpoints go on without a pause');
    reader.close();
    database.close();
  });
});

describe('a checkpoint that fails', () => {
  it('is told to the log, and commits go on', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'posthorn.db');
    // The setup writes a few pages into the file itself, each checkpoint thousands.
    const inject = 'inject=pwrite64:error=ENOSPC:when=100+';
    const tracer = ['-f', '-o', '/dev/null', '-P', file, '-e', 'trace=pwrite64', '-e', inject];
    const child = fileURLToPath(new URL('fill-log.ts', import.meta.url));
    const { stdout, stderr, status } = spawnSync(
      'strace',
      [...tracer, process.execPath, child, file],
      { encoding: 'utf8', timeout: 60_000 },
    );
    assert.equal(status, 0, stderr);
    const { commits, lines } = JSON.parse(stdout) as { commits: number; lines: string[] };
    assert.equal(commits, 20);
    assert.match(lines[0] ?? '', /^checkpoint the database: SQLITE_FULL/);
  });
});
