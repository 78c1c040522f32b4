import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { seeSchema, whatBreaks, type SchemaSeen } from './schema-changes.ts';
import { testDatabases, withClient } from './test-databases.ts';

const MIGRATIONS = new URL('../../src/store/postgres/migrations/', import.meta.url);

/** Sees the schema after each of the statements, in a database of its own that has nothing else. */
async function schemasAfter(statements: readonly string[]): Promise<SchemaSeen[]> {
  const databases = await testDatabases();
  await using database = await databases.fresh();
  return await withClient(database.url, async (client) => {
    await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    const seen: SchemaSeen[] = [];
    for (const statement of statements) {
      await client.query(statement);
      seen.push(await seeSchema(client));
    }
    return seen;
  });
}

async function breaks(first: string, next: string): Promise<string[]> {
  const [before, after] = await schemasAfter([first, next]);
  assert.ok(before && after);
  return whatBreaks(before, after);
}

/**
 * While nodes are upgraded one after another, programs of the version before work on the new schema.
 * That they can is proved in two parts: a migration only adds (here), and a program works on its schema
 * with anything added (test/contract/newer-postgres.test.ts).
 */
describe('a migration', () => {
  it('only adds to the schema before, or says that programs before it cannot go on', async () => {
    const names = readdirSync(MIGRATIONS).toSorted();
    const texts = names.map((name) => readFileSync(new URL(name, MIGRATIONS), 'utf8'));
    const compatibleFrom = await saidCompatibleFrom();
    assert.equal(compatibleFrom.length, names.length);
    const schemas = await schemasAfter(texts);
    for (const [i, after] of schemas.entries()) {
      const oldest = compatibleFrom[i] ?? Number.NaN;
      assert.ok(oldest >= 1 && oldest <= i + 1, `${names[i]} is compatible from ${oldest}`);
      for (let before = oldest - 1; before < i; before += 1) {
        const schema = schemas[before];
        assert.ok(schema);
        const what = `${names[i]} says that programs of schema ${before + 1} go on working`;
        assert.deepEqual(whatBreaks(schema, after), [], what);
      }
    }
  });

  const table = `CREATE TABLE old (id bigint PRIMARY KEY, name text, size integer NOT NULL DEFAULT 1,
      state text NOT NULL CHECK (state <> ''));
    CREATE INDEX old_by_name ON old (name);
    CREATE TABLE history (id bigint, day integer, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)`;

  const additions: Readonly<Record<string, string>> = {
    'a table': 'CREATE TABLE new (id bigint PRIMARY KEY CHECK (id > 0))',
    'a column that may be null': 'ALTER TABLE old ADD COLUMN more text',
    'a column with a default': 'ALTER TABLE old ADD COLUMN more text NOT NULL DEFAULT $$x$$',
    'a column with a check of its own':
      'ALTER TABLE old ADD COLUMN more integer CHECK (more > 0 OR more IS NULL)',
    'an index': 'CREATE INDEX old_by_size ON old (size)',
    'a column of a partitioned table': 'ALTER TABLE history ADD COLUMN more text',
    'a reference between new tables':
      'CREATE TABLE a (id bigint PRIMARY KEY); CREATE TABLE b (id bigint REFERENCES a (id))',
    'a partition': 'CREATE TABLE history_1 PARTITION OF history FOR VALUES FROM (1) TO (2)',
    'rows, and other values in them':
      'INSERT INTO old (id, state) VALUES (1, $$x$$); UPDATE old SET size = 2',
  };
  for (const [what, sql] of Object.entries(additions)) {
    it(`may add ${what}`, async () => assert.deepEqual(await breaks(table, sql), []));
  }

  const breaking: Readonly<Record<string, string>> = {
    'drop a table': 'DROP TABLE old',
    'rename a table': 'ALTER TABLE old RENAME TO older',
    'put a view in place of a table':
      'ALTER TABLE old RENAME TO older; CREATE VIEW old AS SELECT * FROM older',
    'drop a column': 'ALTER TABLE old DROP COLUMN name',
    'rename a column': 'ALTER TABLE old RENAME COLUMN name TO title',
    'change a type': 'ALTER TABLE old ALTER COLUMN size TYPE bigint',
    'change a collation': 'ALTER TABLE old ALTER COLUMN name TYPE text COLLATE "C"',
    'forbid null': 'ALTER TABLE old ALTER COLUMN name SET NOT NULL',
    'allow null': 'ALTER TABLE old ALTER COLUMN state DROP NOT NULL',
    'drop a default': 'ALTER TABLE old ALTER COLUMN size DROP DEFAULT',
    'add a column that has to be given a value': 'ALTER TABLE old ADD COLUMN more text NOT NULL',
    'add a check': 'ALTER TABLE old ADD CHECK (size > 0)',
    'add a check of old columns and new ones':
      'ALTER TABLE old ADD COLUMN more integer; ALTER TABLE old ADD CHECK (more < size)',
    'change a check':
      'ALTER TABLE old DROP CONSTRAINT old_state_check, ADD CONSTRAINT old_state_check CHECK (state IN ($$a$$))',
    'make something unique': 'CREATE UNIQUE INDEX old_name_once ON old (name)',
    'make an expression unique': 'CREATE UNIQUE INDEX old_name_once ON old (lower(name))',
    'refer from an old table':
      'CREATE TABLE a (id bigint PRIMARY KEY); ALTER TABLE old ADD FOREIGN KEY (id) REFERENCES a (id)',
    'refer to an old table': 'CREATE TABLE a (id bigint REFERENCES old (id))',
    'drop a primary key': 'ALTER TABLE old DROP CONSTRAINT old_pkey',
    'drop an index': 'DROP INDEX old_by_name',
    'add a trigger': `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON old FOR EACH ROW EXECUTE FUNCTION refuse()`,
    'partition otherwise':
      'DROP TABLE history; CREATE TABLE history (id bigint, day integer, PRIMARY KEY (id, day))',
  };
  for (const [what, sql] of Object.entries(breaking)) {
    it(`is not compatible where it would ${what}`, async () => {
      assert.notDeepEqual(await breaks(table, sql), []);
    });
  }
});

async function saidCompatibleFrom(): Promise<number[]> {
  const databases = await testDatabases();
  await using database = await databases.fresh();
  return await withClient(database.url, async (client) => {
    const { rows } = await client.query<{ from: number }>(
      'SELECT compatible_from AS from FROM migration ORDER BY version',
    );
    return rows.map(({ from }) => from);
  });
}
