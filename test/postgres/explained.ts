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

/** Reads are run once more, and show what they read. */
async function explain(session: Session, { text, values }: SentStatement): Promise<PlanNode> {
  const writes = /\b(INSERT|UPDATE|DELETE|pg_advisory_\w+)\b/.test(text);
  const options = writes ? 'FORMAT JSON' : 'ANALYZE, TIMING OFF, FORMAT JSON';
  const [row] = await session.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    { text: `EXPLAIN (${options}) ${text}` },
    values,
  );
  assert.ok(row);
  return row['QUERY PLAN'][0].Plan;
}

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

/** Names of the tables that a plan touches. */
export function tablesOf({ nodes }: Explained): string[] {
  return nodes.flatMap((node) => node['Relation Name'] ?? []);
}

/** Fails where a table is walked over, or much more is read than may be. */
export function assertWalksIndexes(
  { statement, nodes }: Explained,
  tiny: ReadonlySet<string>,
  mayRead: number,
): void {
  let read = 0;
  for (const node of nodes) {
    const table = node['Relation Name'];
    if (table === undefined || tiny.has(table) || node['Node Type'] === 'ModifyTable') continue;
    assert.match(node['Node Type'], /^Index (Only )?Scan$/, `${statement} on ${table}`);
    const rows = (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0);
    read += rows * (node['Actual Loops'] ?? 0);
  }
  const joined = nodes.map((node) => node['Rows Removed by Join Filter'] ?? 0);
  assert.ok(Math.max(...joined) <= mayRead, `${statement} compares ${Math.max(...joined)} rows`);
  assert.ok(read <= mayRead, `${statement} reads ${read} rows`);
}
