import { DAY, durationText, parseDuration } from './domain/duration.ts';
import type { FieldIssue } from './domain/errors.ts';
import { DEFAULT_RETRY_SCHEDULE } from './domain/retry.ts';
import { parseCidr } from './engine/cidr.ts';
import { KEY_BYTES } from './store/vault.ts';
import { LOG_LEVELS, type LogLevel } from './telemetry/log.ts';

/** What a server needs to know, free of contradictions. Times are in milliseconds. */
export interface Config {
  readonly database: Database;
  readonly host: string;
  readonly port: number;
  /** Null: one is made at the first start on an empty store. */
  readonly apiKey: string | null;
  readonly allowedTargets: readonly string[];
  readonly requireHttps: boolean;
  readonly retrySchedule: readonly number[];
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly concurrency: number;
  readonly webhookConcurrency: number;
  readonly retentionMs: number;
  readonly roles: readonly Role[];
  /** Encrypt secrets at rest: the first one writes, all of them read. Empty: plain. */
  readonly encryptionKeys: readonly Uint8Array[];
  readonly logLevel: LogLevel;
  readonly dev: boolean;
}

/** Where everything is stored: one file, or a PostgreSQL that nodes share. */
export type Database =
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'postgres'; readonly url: string };

/** What a node does: accept events and changes, or deliver. */
export const ROLES = ['api', 'worker'] as const;
export type Role = (typeof ROLES)[number];

/** A setting as the operator sees it. */
export interface Setting {
  readonly name: string;
  readonly default: string;
  readonly meaning: string;
}

interface Rule<Value> extends Setting {
  /** Throws an Error whose message says what was expected. */
  parse(text: string): Value;
}

const MINUTE = 60_000;

/** The settings, in the order in which they are shown. */
export const RULES = {
  database: {
    name: 'DATABASE_URL',
    default: 'sqlite:./data/posthorn.db',
    meaning: 'where everything is stored: sqlite:FILE, or postgres://… for many nodes',
    parse: database,
  },
  host: {
    name: 'HOST',
    default: '127.0.0.1',
    meaning: 'the address to listen on',
    parse: required('an address or a host name'),
  },
  port: {
    name: 'PORT',
    default: '8080',
    meaning: 'the port to listen on; 0 takes a free one',
    parse: integer(0, 65_535),
  },
  apiKey: {
    name: 'POSTHORN_API_KEY',
    default: '',
    meaning:
      'a key of the first account, 16 characters at least; without it one is made and printed ' +
      'once, at the first start on an empty store',
    parse: apiKey,
  },
  allowedTargets: {
    name: 'POSTHORN_ALLOWED_TARGETS',
    default: '',
    meaning: 'addresses or CIDR ranges, by commas, that webhooks may reach though not public',
    parse: list(cidr),
  },
  requireHttps: {
    name: 'POSTHORN_REQUIRE_HTTPS',
    default: 'true',
    meaning: 'whether webhook URLs must be https',
    parse: boolean,
  },
  retrySchedule: {
    name: 'POSTHORN_RETRY_SCHEDULE',
    default: DEFAULT_RETRY_SCHEDULE.map(durationText).join(','),
    meaning: 'waits between the attempts of a delivery',
    parse: list(duration(1, 30 * DAY)),
  },
  requestTimeoutMs: {
    name: 'POSTHORN_REQUEST_TIMEOUT',
    default: '15s',
    meaning: 'how long a whole request to a webhook may take',
    parse: duration(100, 5 * MINUTE),
  },
  connectTimeoutMs: {
    name: 'POSTHORN_CONNECT_TIMEOUT',
    default: '5s',
    meaning: 'how long looking up a name and connecting may take',
    parse: duration(100, 5 * MINUTE),
  },
  concurrency: {
    name: 'POSTHORN_CONCURRENCY',
    default: '256',
    meaning: 'requests in flight in all',
    parse: integer(1, 10_000),
  },
  webhookConcurrency: {
    name: 'POSTHORN_WEBHOOK_CONCURRENCY',
    default: '64',
    meaning: 'requests in flight to one webhook',
    parse: integer(1, 10_000),
  },
  retentionMs: {
    name: 'POSTHORN_RETENTION_DAYS',
    default: '30',
    meaning: 'events, deliveries and attempts older than this many days go',
    parse: (text: string): number => integer(1, 3_650)(text) * DAY,
  },
  roles: {
    name: 'POSTHORN_ROLES',
    default: ROLES.join(','),
    meaning:
      'what this node does: api (accept), worker (deliver), or both; one only with PostgreSQL',
    parse: roles,
  },
  encryptionKeys: {
    name: 'POSTHORN_ENCRYPTION_KEY',
    default: '',
    meaning:
      'encrypts signing secrets and header values at rest: 32 bytes in base64 or hex; several by ' +
      'commas while the key is changed, the new one first',
    parse: list(encryptionKey),
  },
  logLevel: {
    name: 'LOG_LEVEL',
    default: 'info',
    meaning: `one of ${LOG_LEVELS.join(', ')}`,
    parse: logLevel,
  },
} satisfies Record<string, Rule<unknown>>;

export const SETTINGS: readonly Setting[] = Object.values(RULES);

/** `POSTHORN_API_KEY` -> `--api-key`, `DATABASE_URL` -> `--database-url`. */
export function flagOf(setting: Setting): string {
  return `--${setting.name
    .replace(/^POSTHORN_/, '')
    .toLowerCase()
    .replaceAll('_', '-')}`;
}

/** Every wrong setting, each with what was expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly FieldIssue[];

  constructor(faults: readonly FieldIssue[]) {
    super(faults.map(({ field, issue }) => `${field} ${issue}`).join('\n'));
    this.faults = faults;
  }
}

/**
 * Reads the settings out of an environment. An empty value is the same as none.
 * @throws ConfigError with every fault at once
 */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>>,
  options: { dev: boolean },
): Config {
  const faults: FieldIssue[] = notYetSupported(environment);
  const values: Record<string, unknown> = {};
  for (const [key, rule] of Object.entries(RULES)) {
    try {
      values[key] = rule.parse(environment[rule.name] || rule.default);
    } catch (error) {
      faults.push({
        field: rule.name,
        issue: error instanceof Error ? error.message : String(error),
      });
    }
  }
  const config = values as unknown as Omit<Config, 'dev'>;
  faults.push(...contradictions(config));
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze({
    ...config,
    ...(options.dev ? devSettings(config) : {}),
    dev: options.dev,
  });
}

/** Settings that are right by themselves and do not go together. */
function contradictions({ database, roles }: Partial<Config>): FieldIssue[] {
  if (database?.kind !== 'sqlite' || !roles || roles.length === ROLES.length) return [];
  const issue = 'must be api,worker with SQLite: there is one node only';
  return [{ field: RULES.roles.name, issue }];
}

/** `--dev` allows loopback targets and http; nothing else differs. */
function devSettings(config: Pick<Config, 'allowedTargets'>): Partial<Config> {
  return {
    allowedTargets: [...config.allowedTargets, '127.0.0.0/8', '::1/128'],
    requireHttps: false,
  };
}

/** Settings of the contract that later versions bring: doing nothing silently would be worse. */
const NOT_YET = ['POSTHORN_ADMIN_KEY', 'POSTHORN_METRICS_TOKEN'];

function notYetSupported(environment: Readonly<Record<string, string | undefined>>): FieldIssue[] {
  return NOT_YET.filter((name) => environment[name]).map((field) => ({
    field,
    issue: 'is not supported by this version: unset it',
  }));
}

/** What it says is never repeated: it may hold a password. */
function database(text: string): Database {
  const file = /^sqlite:(.+)$/.exec(text)?.[1];
  if (file !== undefined) return { kind: 'sqlite', file };
  if (/^postgres(ql)?:\/\/./.test(text) && URL.canParse(text))
    return { kind: 'postgres', url: text };
  throw new Error('must be sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE');
}

function roles(text: string): readonly Role[] {
  const found = list((part) => ROLES.find((role) => role === part))(text);
  const known = found.filter((role) => role !== undefined);
  if (known.length === 0 || known.length < found.length) {
    throw new Error(`must be one or both of ${ROLES.join(', ')}, not "${text}"`);
  }
  return [...new Set(known)];
}

function apiKey(text: string): string | null {
  if (text === '') return null;
  if (!/^[\x21-\x7e]{16,255}$/.test(text)) {
    throw new Error('must be 16 to 255 printable ASCII characters without spaces');
  }
  return text;
}

/** What it says is never repeated. */
function encryptionKey(text: string): Uint8Array {
  const encoding = /^[0-9a-f]{64}$/i.test(text) ? 'hex' : 'base64';
  const key = Buffer.from(text, encoding);
  if (key.length === KEY_BYTES && /^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return new Uint8Array(key);
  throw new Error(
    `must be ${KEY_BYTES} bytes in base64 or hex, such as openssl rand -base64 ${KEY_BYTES} makes`,
  );
}

function required(what: string): (text: string) => string {
  return (text) => {
    if (text.trim() === '') throw new Error(`must be ${what}`);
    return text;
  };
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new Error(`must be a whole number from ${min} to ${max}, not "${text}"`);
    }
    return value;
  };
}

function boolean(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new Error(`must be true or false, not "${text}"`);
  return text === 'true';
}

function logLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (!level) throw new Error(`must be one of ${LOG_LEVELS.join(', ')}, not "${text}"`);
  return level;
}

/** `5s`, `1m`, `250ms`; milliseconds. */
function duration(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = parseDuration(text);
    if (value === undefined || value < min || value > max) {
      const range = `${durationText(min)} to ${durationText(max)}`;
      throw new Error(`must be times like 5s, 1m or 2h, each from ${range}, not "${text}"`);
    }
    return value;
  };
}

function cidr(text: string): string {
  if (parseCidr(text)) return text;
  throw new Error(`must be addresses or ranges like 10.1.0.0/16 or fd00::/8, not "${text}"`);
}

function list<Value>(item: (text: string) => Value): (text: string) => readonly Value[] {
  return (text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map(item);
}
