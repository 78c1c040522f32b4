import Database from 'better-sqlite3';
import { join } from 'node:path';
import { firstEventIdAt } from '../../src/domain/ids.ts';
import { temporaryDirectory } from '../children.ts';
import {
  countQueries,
  hasEndedQuery,
  PENDING_COUNT,
  type BenchDatabase,
  type BenchStore,
  type EndedWatch,
  type StoredCounts,
  type Window,
} from './bench-store.ts';
import type { HistoryFill } from './history.ts';
import { fillSqlite } from './sqlite-history.ts';

/** One file for each measurement. */
export class SqliteBench implements BenchStore {
  readonly name = 'SQLite';
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async fresh(): Promise<BenchDatabase> {
    return new SqliteDatabase(temporaryDirectory(this.#directory));
  }
}

class SqliteDatabase implements BenchDatabase {
  readonly url: string;
  readonly #directory: ReturnType<typeof temporaryDirectory>;
  readonly #file: string;

  constructor(directory: ReturnType<typeof temporaryDirectory>) {
    this.#directory = directory;
    this.#file = join(directory.path, 'posthorn.db');
    this.url = `sqlite:${this.#file}`;
  }

  async pendingCount(): Promise<number> {
    return this.#read((one) => one(PENDING_COUNT));
  }

  async storedCounts(since: number, window: Window): Promise<StoredCounts> {
    const firstId = firstEventIdAt(since).slice(4);
    const queries = countQueries((hex) => `X'${hex}'`, firstId, window);
    return this.#read((one) => {
      const counted = Object.entries(queries).map(([name, sql]) => [name, one(sql)]);
      return Object.fromEntries(counted) as StoredCounts;
    });
  }

  async watchEnded(): Promise<EndedWatch> {
    const database = new Database(this.#file, { readonly: true, fileMustExist: true });
    const count = database.prepare<[Buffer], number>(hasEndedQuery('?')).pluck();
    return {
      hasEnded: async (eventId) => (count.get(Buffer.from(eventId.slice(4), 'hex')) ?? 0) > 0,
      [Symbol.asyncDispose]: async () => void database.close(),
    };
  }

  async addHistory(history: HistoryFill): Promise<void> {
    fillSqlite(this.#file, history);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#directory[Symbol.dispose]();
  }

  #read<Result>(work: (one: (sql: string) => number) => Result): Result {
    const database = new Database(this.#file, { readonly: true, fileMustExist: true });
    try {
      return work((sql) => database.prepare<unknown[], number>(sql).pluck().get() ?? Number.NaN);
    } finally {
      database.close();
    }
  }
}
