import type pg from 'pg';

/** One thing of a schema, by a name that tells where it is, with what programs rely on. */
type Schema = ReadonlyMap<string, string>;

const TABLES = `SELECT c.relname AS name, c.relkind::text AS is FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
    AND NOT c.relispartition`;

/** A generated column cannot be written, and one without NOT NULL or with a default can be left out. */
const COLUMNS = `SELECT c.relname || '.' || a.attname AS name,
    format_type(a.atttypid, a.atttypmod) || ' collate ' || a.attcollation || ' ' || a.attgenerated::text
      || a.attidentity::text AS is,
    a.attnotnull AS "notNull", a.atthasdef OR a.attidentity <> '' AS "hasDefault",
    c.relname AS table
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
    AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped`;

/** With the columns that each is about, where those are columns of the table itself. */
const RULES = `SELECT 'constraint ' || conname || ' of ' || c.relname AS name,
    pg_get_constraintdef(k.oid) AS is, c.relname AS table, k.contype = 'f' AS "isReference",
    f.relname AS refers,
    ARRAY(SELECT c.relname || '.' || attname FROM pg_attribute
      WHERE attrelid = k.conrelid AND attnum = ANY (k.conkey))::text[] AS columns
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    LEFT JOIN pg_class f ON f.oid = k.confrelid
  WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND k.contype <> 'n'
  UNION ALL
  SELECT 'index ' || i.relname, pg_get_indexdef(x.indexrelid), c.relname, false, NULL,
    CASE WHEN x.indisunique AND NOT EXISTS (
        SELECT 1 FROM pg_constraint WHERE conindid = x.indexrelid)
      THEN ARRAY(SELECT c.relname || '.' || attname FROM pg_attribute
        WHERE attrelid = c.oid AND attnum = ANY (x.indkey::int2[]))::text[] END
  FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
  WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
  UNION ALL
  SELECT 'trigger ' || tgname || ' of ' || c.relname, pg_get_triggerdef(t.oid), c.relname, false,
    NULL, ARRAY[c.relname || '.*']::text[]
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
  UNION ALL
  SELECT 'function ' || p.oid::regprocedure, pg_get_functiondef(p.oid), NULL, false, NULL, NULL
  FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace`;

interface Column {
  readonly name: string;
  readonly is: string;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  readonly table: string;
}

interface Rule {
  readonly name: string;
  readonly is: string;
  readonly table: string | null;
  readonly isReference: boolean;
  readonly refers: string | null;
  /** Null: it forbids nothing. */
  readonly columns: readonly string[] | null;
}

/** What programs can rely on in a database's schema. */
export interface SchemaSeen {
  readonly tables: Schema;
  readonly columns: ReadonlyMap<string, Column>;
  readonly rules: ReadonlyMap<string, Rule>;
}

export async function seeSchema(client: pg.Client): Promise<SchemaSeen> {
  const tables = await client.query<{ name: string; is: string }>(TABLES);
  const columns = await client.query<Column>(COLUMNS);
  const rules = await client.query<Rule>(RULES);
  return {
    tables: new Map(tables.rows.map(({ name, is }) => [name, is])),
    columns: new Map(columns.rows.map((column) => [column.name, column])),
    rules: new Map(rules.rows.map((rule) => [rule.name, rule])),
  };
}

/**
 * Why programs that worked on the schema before may fail on the one after, in sentences: what is gone or
 * is another thing now, and what forbids something on a table that was there.
 */
export function whatBreaks(before: SchemaSeen, after: SchemaSeen): string[] {
  const found: string[] = [];
  for (const [name, is] of before.tables) {
    if (after.tables.get(name) !== is) found.push(`${name} is gone, or no longer what it was`);
  }
  for (const column of before.columns.values()) found.push(...columnBreaks(column, after));
  for (const [name, { is }] of before.rules) {
    if (after.rules.get(name)?.is !== is) found.push(`${name} is gone, or another one`);
  }
  for (const { name, table, notNull, hasDefault } of after.columns.values()) {
    const isNew = before.tables.has(table) && !before.columns.has(name);
    if (isNew && notNull && !hasDefault) found.push(`${name} has to be given a value`);
  }
  for (const rule of after.rules.values()) {
    if (!before.rules.has(rule.name) && forbids(rule, before)) found.push(`${rule.name} is new`);
  }
  return found;
}

function columnBreaks({ name, is, notNull, hasDefault }: Column, after: SchemaSeen): string[] {
  const now = after.columns.get(name);
  if (!now) return [`${name} is gone`];
  const found: string[] = [];
  if (now.is !== is) found.push(`${name} is ${now.is} now, not ${is}`);
  if (now.notNull && !notNull) found.push(`${name} may not be null any more`);
  if (!now.notNull && notNull) found.push(`${name} may be null now`);
  if (hasDefault && !now.hasDefault) found.push(`${name} has no default any more`);
  return found;
}

/** Whether it can refuse what was allowed: a row of an old table, or the end of one. */
function forbids({ table, refers, isReference, columns }: Rule, before: SchemaSeen): boolean {
  if (isReference && refers !== null && before.tables.has(refers)) return true;
  if (table === null || columns === null || !before.tables.has(table)) return false;
  // About new columns alone it judges their defaults, which the migration itself has tried.
  return !(
    columns.length > 0 &&
    columns.every((column) => !before.columns.has(column) && !column.endsWith('.*'))
  );
}
