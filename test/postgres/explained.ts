import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Session, Value } from '../../src/store/postgres/session.ts';

interface SentStatement {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly Value[];
}

/** A node of a plan, as PostgreSQL shows it after it has run. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Join Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** A statement that the adapter has sent, with its plan. */
export interface Explained {
  readonly statement: string;
  readonly nodes: readonly PlanNode[];
}

const EXPLAINABLE = /^\s*\(?\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b/;

/** The statements that a call sends, each explained on a session that is set up like the adapter's. */
export async function explained(
  session: Session,
  call: () => Promise<unknown>,
): Promise<Explained[]> {
  const sent: SentStatement[] = [];
  const listen = (message: unknown): void => void sent.push(message as SentStatement);
  subscribe('posthorn:postgres:statement', listen);
  try {
    await call();
  } finally {
    unsubscribe('posthorn:postgres:statement', listen);
  }
  const found: Explained[] = [];
  for (const statement of sent) {
    const { name, text } = statement;
    if (!EXPLAINABLE.test(text) || text.includes('set_config')) continue;
    found.push({ statement: name ?? text, nodes: nodesOf(await explain(session, statement)) });
  }
  assert.ok(found.length > 0, 'the call sends something');
  return found;
}

interface ExplainRow {
  readonly 'QUERY PLAN': [{ readonly Plan: PlanNode }];
}

/** Reads are run once more, and show what they read. Writes are planned as for any values. */
async function explain(session: Session, { text, values }: SentStatement): Promise<PlanNode> {
  const writes = /\b(INSERT|UPDATE|DELETE|pg_advisory_\w+)\b/.test(text);
  const [row] = writes
    ? await explainForAnyValues(session, text, values.length)
    : await session.query<ExplainRow>(
        { text: `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${text}` },
        values,
      );
  assert.ok(row);
  return row['QUERY PLAN'][0].Plan;
}

/** As a session plans it that commits: once, whatever comes. */
async function explainForAnyValues(
  session: Session,
  text: string,
  count: number,
): Promise<ExplainRow[]> {
  const values = count > 0 ? `(${Array(count).fill('NULL').join(', ')})` : '';
  await session.query({ text: 'SET plan_cache_mode = force_generic_plan' });
  await session.query({ text: `PREPARE explained AS ${text}` });
  const rows = await session.query<ExplainRow>({
    text: `EXPLAIN (FORMAT JSON) EXECUTE explained ${values}`,
  });
  await session.query({ text: 'DEALLOCATE explained' });
  await session.query({ text: 'SET plan_cache_mode = force_custom_plan' });
  return rows;
}

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

/** Indexes of a few rows of their tables, which are walked over as a whole. */
const SMALL = new Set(['webhook_stopped', 'redo_unfinished', 'shard_pkey']);

/** Names of the tables that a plan touches. */
export function tablesOf({ nodes }: Explained): string[] {
  return nodes.flatMap((node) => node['Relation Name'] ?? []);
}

/** Fails where a table or a whole index is walked over, or much more is read than may be. */
export function assertWalksIndexes(
  { statement, nodes }: Explained,
  tiny: ReadonlySet<string>,
  mayRead: number,
): void {
  let read = 0;
  for (const node of nodes) {
    const table = node['Relation Name'];
    if (table === undefined || tiny.has(table) || node['Node Type'] === 'ModifyTable') continue;
    if (node['Node Type'] !== 'Tid Scan') {
      assert.match(node['Node Type'], /^Index (Only )?Scan$/, `${statement} on ${table}`);
      const whole = node['Index Cond'] === undefined && !SMALL.has(node['Index Name'] ?? '');
      assert.ok(!whole, `${statement} walks over all of ${node['Index Name']}`);
    }
    const rows = (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0);
    read += rows * (node['Actual Loops'] ?? 0);
  }
  const joined = nodes.map((node) => node['Rows Removed by Join Filter'] ?? 0);
  assert.ok(Math.max(...joined) <= mayRead, `${statement} compares ${Math.max(...joined)} rows`);
  assert.ok(read <= mayRead, `${statement} reads ${read} rows`);
}
