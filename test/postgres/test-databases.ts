import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { PostgresServer } from './postgres-server.ts';

/** Any number that is always the same: test processes that share a server make the template in turn. */
const TEMPLATE_LOCK = 7_405_926;

/** A database of its own for a test: empty, at the newest schema. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
}

/** Where databases can be made. */
export class TestDatabases {
  readonly #urlOf: (database: string) => string;
  #template: Promise<string> | undefined;

  /** @param urlOf the URL of a database of the server; there is one called `postgres` */
  constructor(urlOf: (database: string) => string) {
    this.#urlOf = urlOf;
  }

  async fresh(): Promise<TestDatabase> {
    const template = await (this.#template ??= this.#makeTemplate());
    const name = `posthorn_test_${randomBytes(6).toString('hex')}`;
    await this.admin(`CREATE DATABASE ${name} TEMPLATE ${template}`);
    return {
      name,
      url: this.#urlOf(name),
      [Symbol.asyncDispose]: () => this.admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
    };
  }

  /** Runs a statement that is about the server. */
  async admin(sql: string): Promise<void> {
    await withClient(this.#urlOf('postgres'), (client) => client.query(sql));
  }

  /** Made once for each server and schema: migrating takes longer than copying. */
  async #makeTemplate(): Promise<string> {
    const name = `posthorn_template_${schemaHash()}`;
    await withClient(this.#urlOf('postgres'), async (client) => {
      await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
      const { rows } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
      if (rows.length > 0) return;
      const raw = `${name}_raw`;
      await client.query(`DROP DATABASE IF EXISTS ${raw} WITH (FORCE)`);
      await client.query(`CREATE DATABASE ${raw} TEMPLATE template0`);
      const store = await PostgresStore.open(this.#urlOf(raw), 'template');
      await store[Symbol.asyncDispose]();
      await client.query(`ALTER DATABASE ${raw} RENAME TO ${name}`);
    });
    return name;
  }
}

/** A client of the tests' own, beside the adapter. */
export async function withClient<Result>(
  url: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function schemaHash(): string {
  const directory = new URL('../../src/store/postgres/migrations/', import.meta.url);
  const hash = createHash('sha256');
  for (const file of readdirSync(directory).toSorted())
    hash.update(readFileSync(new URL(file, directory)));
  return hash.digest('hex').slice(0, 12);
}

let shared: Promise<TestDatabases> | undefined;

/**
 * The databases of this test run: on the server that `TEST_DATABASE_URL` names, which several test
 * processes may share, else on a throwaway one of this process. If none can be had this rejects.
 */
export function testDatabases(): Promise<TestDatabases> {
  return (shared ??= open());
}

async function open(): Promise<TestDatabases> {
  const given = givenDatabases();
  if (given) return given;
  const server = await PostgresServer.start();
  return new TestDatabases((database) => server.url(database));
}

/** On the server that `TEST_DATABASE_URL` names, if it names one. */
export function givenDatabases(): TestDatabases | undefined {
  const given = process.env['TEST_DATABASE_URL'];
  if (given === undefined || given === '') return undefined;
  return new TestDatabases((database) => {
    const url = new URL(given);
    url.pathname = `/${database}`;
    return url.href;
  });
}
