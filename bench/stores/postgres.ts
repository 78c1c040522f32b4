import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import pg from 'pg';
import { firstEventIdAt } from '../../src/domain/ids.ts';
import { unprivilegedUser } from '../../test/postgres/postgres-binaries.ts';
import { PostgresServer } from '../../test/postgres/postgres-server.ts';
import {
  givenDatabases,
  TestDatabases,
  withClient,
  type TestDatabase,
} from '../../test/postgres/test-databases.ts';
import { countAsOwn } from '../others-use.ts';
import {
  countQueries,
  hasEndedQuery,
  PENDING_COUNT,
  type BenchDatabase,
  type BenchStore,
  type EndedWatch,
  type HeldTransaction,
  type StoredCounts,
  type Window,
} from './bench-store.ts';
import type { HistoryFill } from './history.ts';
import { fillPostgres } from './postgres-history.ts';

/** PostgreSQL's own defaults, where the tests' server has something else. */
const SETTINGS = { shared_buffers: '128MB', max_connections: '100' };

const DEAD_ROWS = `SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'queue'`;

/** One server for the whole run, found or started as the tests do it; a database for each measurement. */
export class PostgresBench implements BenchStore {
  readonly name = 'PostgreSQL';
  readonly #directory: string;
  #databases: Promise<TestDatabases> | undefined;

  /** @param directory where the server's files lie, if the user that it runs as can get there */
  constructor(directory: string) {
    this.#directory = directory;
  }

  async fresh(): Promise<BenchDatabase> {
    const databases = await (this.#databases ??= this.#open());
    return new PostgresDatabase(await databases.fresh());
  }

  async #open(): Promise<TestDatabases> {
    const given = givenDatabases();
    if (given) return given;
    const place = { directory: reachable(this.#directory), settings: SETTINGS };
    const server = await PostgresServer.start(undefined, place);
    if (server.pid !== undefined) countAsOwn(server.pid);
    return new TestDatabases((database) => server.url(database));
  }
}

/** PostgreSQL does not run as root, and what is root's own is closed to others. */
function reachable(directory: string): string {
  mkdirSync(directory, { recursive: true });
  const { status } = spawnSync('test', ['-x', directory], unprivilegedUser());
  return status === 0 ? directory : tmpdir();
}

class PostgresDatabase implements BenchDatabase {
  readonly url: string;
  readonly #database: TestDatabase;

  constructor(database: TestDatabase) {
    this.#database = database;
    this.url = database.url;
  }

  pendingCount(): Promise<number> {
    return this.#read((one) => one(PENDING_COUNT));
  }

  async storedCounts(since: number, window: Window): Promise<StoredCounts> {
    const firstId = firstEventIdAt(since).slice(4);
    const queries = countQueries((hex) => `'${hex}'::uuid`, firstId, window);
    return this.#read(async (one) => {
      const counted: [string, number][] = [];
      for (const [name, sql] of Object.entries(queries)) counted.push([name, await one(sql)]);
      return Object.fromEntries(counted) as unknown as StoredCounts;
    });
  }

  async watchEnded(): Promise<EndedWatch> {
    const client = new pg.Client(this.url);
    client.on('error', () => undefined);
    await client.connect();
    const count = { name: 'ended', text: hasEndedQuery('$1::uuid'), rowMode: 'array' as const };
    return {
      hasEnded: async (eventId) => {
        const { rows } = await client.query<[string]>({ ...count, values: [eventId.slice(4)] });
        return Number(rows[0]?.[0]) > 0;
      },
      [Symbol.asyncDispose]: () => client.end(),
    };
  }

  addHistory(history: HistoryFill): Promise<void> {
    return fillPostgres(this.url, history);
  }

  readonly holdTransaction = async (): Promise<HeldTransaction> => {
    const client = new pg.Client(this.url);
    client.on('error', () => undefined);
    await client.connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query(PENDING_COUNT);
    return {
      deadRows: async () => {
        await client.query(PENDING_COUNT);
        return this.#read((one) => one(DEAD_ROWS));
      },
      [Symbol.asyncDispose]: () => client.end(),
    };
  };

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#database[Symbol.asyncDispose]();
  }

  #read<Result>(work: (one: (sql: string) => Promise<number>) => Promise<Result>): Promise<Result> {
    return withClient(this.url, (client) =>
      work(async (sql) => {
        const { rows } = await client.query<[string]>({ text: sql, rowMode: 'array' });
        return Number(rows[0]?.[0]);
      }),
    );
  }
}
