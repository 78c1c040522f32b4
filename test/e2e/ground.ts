import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testDatabases } from '../postgres/test-databases.ts';

/** A directory of its own for a server, with a `.env` that says where it stores; `await using` removes it. */
export type Directory = AsyncDisposable & { readonly path: string };

type Ground = () => Promise<Directory>;

/** Everything in a file beside it. */
export const sqlite: Ground = () => directoryWith('sqlite:posthorn.db');

/** An empty database of a real server. */
export const postgres: Ground = async () => {
  const database = await (await testDatabases()).fresh();
  const directory = await directoryWith(database.url);
  return {
    path: directory.path,
    [Symbol.asyncDispose]: async () => {
      await directory[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
};

let ground: Ground = sqlite;

/** For the runners: the tests that are loaded after this store there. */
export function standOn(given: Ground): void {
  ground = given;
}

export function temporaryDirectory(): Promise<Directory> {
  return ground();
}

async function directoryWith(databaseUrl: string): Promise<Directory> {
  const path = await mkdtemp(join(tmpdir(), 'posthorn-test-'));
  await writeFile(join(path, '.env'), `DATABASE_URL=${databaseUrl}\n`);
  return {
    path,
    [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }),
  };
}
