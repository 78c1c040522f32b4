import pg, { type ClientConfig } from 'pg';
import { StoreNotUsable } from '../store.ts';

/** How long making a connection may take, with its handshake. */
const CONNECT_TIMEOUT_MS = 3_000;
const KEEPALIVE_DELAY_MS = 10_000;

/** For what a connection is there: `pg_stat_activity` shows it. */
export type Purpose = 'commit' | 'work' | 'listen' | 'migrate';

/** Ids and times are below 2^53 (checked where they come in), so they are numbers here. */
const TYPES = new pg.TypeOverrides();
TYPES.setTypeParser(pg.types.builtins.INT8, Number);

/** @throws StoreNotUsable where the text is no URL of a database; it never repeats the text */
export function clientConfig(url: string, purpose: Purpose): ClientConfig {
  if (!URL.canParse(url)) throw new StoreNotUsable('The database URL is not a valid URL');
  return {
    connectionString: url,
    fallback_application_name: `posthorn ${purpose}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_DELAY_MS,
    // Statements of one transaction go out together: two round trips for a commit instead of five.
    pipeline: true,
    types: TYPES,
  };
}

/** A database's name for messages: without user and password. */
export function targetOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `the PostgreSQL database ${pathname.slice(1)} at ${host || 'its socket'}`;
}

/**
 * What every session is set to, whatever the server, the database or the role say.
 *
 * `synchronous_commit`: an answered commit is on disk. No `statement_timeout`: one that strikes while
 * a COMMIT waits for a standby ends the wait and reports success. Time is limited from this side
 * (see session.ts); a session that is left in a transaction, with its locks, is ended by the server.
 *
 * Plans: every statement here is a walk along an index. Statistics of a queue that was empty a moment
 * ago say otherwise, and a plan that was right for an empty table is fatal for a full one.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  statement_timeout: '0',
  // Longer than a frozen node keeps its locks.
  lock_timeout: '4s',
  idle_in_transaction_session_timeout: '3s',
  idle_session_timeout: '0',
  default_transaction_isolation: 'read committed',
  standard_conforming_strings: 'on',
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '3',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
};

/**
 * The hot statements are planned once. The others are planned for their values: only so is a range of
 * event ids narrowed to the partitions that it lies in before any of them is opened.
 */
const PLANS: Readonly<Record<Purpose, string>> = {
  commit: 'force_generic_plan',
  work: 'force_custom_plan',
  listen: 'auto',
  migrate: 'auto',
};

export function sessionSettings(purpose: Purpose): string {
  const settings = Object.entries({ ...SETTINGS, plan_cache_mode: PLANS[purpose] });
  const values = settings.map(([name, value]) => `set_config('${name}', '${value}', false)`);
  return `SELECT ${values.join(', ')}, set_config('synchronous_commit',
    CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END,
    false)`;
}

/** A server that works for nobody any more stops. Not every system can tell that to PostgreSQL. */
export const NOTICE_HANGUPS = `SELECT set_config('client_connection_check_interval', '2s', false)`;
