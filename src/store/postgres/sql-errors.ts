import { DatabaseError } from 'pg';
import {
  CommitInDoubt,
  InvalidCursor,
  StoreNotUsable,
  StoreRefused,
  StoreUnavailable,
} from '../store.ts';

/** The connection broke, or did not answer in time: what was under way on it is not known. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

type Meaning = 'unavailable' | 'refused' | 'again' | 'afresh';

/**
 * What each SQLSTATE means for what happens next, by its beginning; the first one that fits counts.
 * `again`: the transaction lost against another one and is made once more, at once. `afresh`: the
 * session remembers a schema from before a migration; once more on a new one.
 */
const MEANINGS: readonly (readonly [string, Meaning])[] = [
  ['40001', 'again'], // serialization_failure
  ['40P01', 'again'], // deadlock_detected
  ['0A000', 'afresh'], // feature_not_supported: a cached plan must not change its result type
  ['26000', 'afresh'], // invalid_sql_statement_name: a pooler in between has forgotten it
  ['22', 'refused'], // data_exception: a value that its type cannot hold
  ['23', 'refused'], // integrity_constraint_violation
  ['54', 'refused'], // program_limit_exceeded
  ['08', 'unavailable'], // connection_exception
  ['25006', 'unavailable'], // read_only_sql_transaction: a standby, or a primary no longer
  ['25P03', 'unavailable'], // idle_in_transaction_session_timeout
  ['28', 'unavailable'], // invalid_authorization_specification
  ['3D', 'unavailable'], // invalid_catalog_name: the database is gone
  ['40', 'unavailable'], // transaction_rollback
  ['42501', 'unavailable'], // insufficient_privilege
  ['42P01', 'unavailable'], // undefined_table
  ['53', 'unavailable'], // insufficient_resources: disk full, too many connections
  ['55', 'unavailable'], // object_not_in_prerequisite_state: a lock that was not to be had
  ['57', 'unavailable'], // operator_intervention: shutdown, starting up, canceled
  ['58', 'unavailable'], // system_error: input and output
  ['XX', 'unavailable'], // internal_error
];

/** PostgreSQL's code of an error, empty where it is none of PostgreSQL's. */
export function sqlStateOf(error: unknown): string {
  return error instanceof DatabaseError ? (error.code ?? '') : '';
}

export function meaningOf(error: unknown): Meaning | undefined {
  if (error instanceof ConnectionLost) return 'unavailable';
  const code = sqlStateOf(error);
  return code === '' ? undefined : MEANINGS.find(([prefix]) => code.startsWith(prefix))?.[1];
}

/** An error of the driver as the port knows it; others as they are. */
export function storeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  switch (meaningOf(error)) {
    case 'unavailable':
    case 'again':
    case 'afresh':
      return new StoreUnavailable(describe(error), { cause: error });
    case 'refused':
      return new StoreRefused(describe(error), { cause: error });
    case undefined:
      return error;
  }
}

/** What an error at the start means: nothing that waiting would cure is `StoreUnavailable`. */
export function openingError(error: unknown, target: string): unknown {
  const code = sqlStateOf(error);
  const reason = error instanceof Error ? describe(error) : String(error);
  if (/^(28|3D|42|0A)/.test(code) || isAboutTls(error)) {
    return new StoreNotUsable(`Cannot use ${target}: ${reason}`);
  }
  const known = storeError(error);
  if (known instanceof StoreUnavailable)
    return new StoreUnavailable(`Cannot reach ${target}: ${reason}`);
  return known;
}

/** The server has no TLS, or a certificate that is not to be trusted: Node's codes, and the driver's text. */
function isAboutTls(error: unknown): boolean {
  const cause = error instanceof ConnectionLost ? error.cause : undefined;
  if (!(cause instanceof Error)) return false;
  const code = 'code' in cause ? String(cause.code) : cause.message;
  return /CERT|SIGNED|SIGNATURE|SSL|TLS/.test(code);
}

/** Whether nothing can have been committed, although it is the COMMIT that failed. */
export function isRolledBack(error: unknown): boolean {
  return /^(23|40)/.test(sqlStateOf(error));
}

/** Whether a row's day has no partition, or has one no longer: a violation of no named constraint. */
export function lacksPartition(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === '23514' && error.constraint === undefined;
}

/** Whether what failed may have left the session in a state that nobody knows. */
export function spoilsSession(error: unknown): boolean {
  if (error instanceof CommitInDoubt || error instanceof InvalidCursor) return false;
  // A lock that was not to be had says nothing of the session.
  if (sqlStateOf(error).startsWith('55')) return false;
  const meaning = meaningOf(error);
  return meaning === 'unavailable' || meaning === 'afresh';
}

function describe(error: Error): string {
  const code = sqlStateOf(error);
  return code === '' ? error.message : `${error.message} (${code})`;
}
