import { DAY } from './duration.ts';
import { TOKEN } from './request-headers.ts';

/** In which order a webhook gets its events: any, or lead by lead one after another. */
export const ORDERINGS = ['none', 'lead'] as const;
export type Ordering = (typeof ORDERINGS)[number];

/** How a webhook wants to be delivered to. Null: as the server's settings say. */
export interface WebhookPolicy {
  /** Waits between the attempts of a delivery, in milliseconds; an empty list: one attempt only. */
  readonly retrySchedule: readonly number[] | null;
  /** For a whole request, in milliseconds. */
  readonly timeoutMs: number | null;
  /** Requests in flight at once. */
  readonly concurrency: number | null;
  /** Requests a second, over the whole cluster. */
  readonly rateLimit: number | null;
  /** Sent with every request beside those that Posthorn makes. Values are secrets. */
  readonly headers: Readonly<Record<string, string>> | null;
  readonly ordering: Ordering;
}

export const NO_POLICY: WebhookPolicy = {
  retrySchedule: null,
  timeoutMs: null,
  concurrency: null,
  rateLimit: null,
  headers: null,
  ordering: 'none',
};

export const POLICY_BOUNDS = {
  retries: 30,
  retryWaitMs: { min: 1, max: 30 * DAY },
  timeoutMs: { min: 1_000, max: 30_000 },
  concurrency: { min: 1, max: 64 },
  rateLimit: { min: 1, max: 1_000 },
  headers: 20,
  headerName: 128,
  headerValue: 2_048,
} as const;

/** Whether two policies ask for the same: header names are the same in any case. */
export function samePolicy(a: WebhookPolicy, b: WebhookPolicy): boolean {
  return (
    String(a.retrySchedule) === String(b.retrySchedule) &&
    a.timeoutMs === b.timeoutMs &&
    a.concurrency === b.concurrency &&
    a.rateLimit === b.rateLimit &&
    a.ordering === b.ordering &&
    JSON.stringify(comparable(a.headers)) === JSON.stringify(comparable(b.headers))
  );
}

function comparable(headers: WebhookPolicy['headers']): [string, string][] {
  return Object.entries(headers ?? {})
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
}

/** Visible ASCII with spaces and tabs between: no line break, nothing that is read in two ways. */
const VALUE = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/;

/** What Posthorn itself says with every request, or what is about the connection and not the message. */
const NOT_ITS_OWN = new Set([
  'host',
  'user-agent',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
]);
const NOT_ITS_OWN_PREFIXES = ['webhook-', 'x-posthorn-', 'content-', 'proxy-'];

/** Why a webhook may not have this header, in the end of a sentence; undefined where it may. */
export function headerNameIssue(name: string): string | undefined {
  if (name.length > POLICY_BOUNDS.headerName) {
    return `has a name of more than ${POLICY_BOUNDS.headerName} characters`;
  }
  // An object in memory cannot hold it as a name like others.
  if (!TOKEN.test(name) || name === '__proto__') return 'is no name of a header';
  // Receivers behind CGI, WSGI and the like read both as one name: one of ours would be replaced there.
  const lower = name.toLowerCase().replaceAll('_', '-');
  const reserved =
    NOT_ITS_OWN.has(lower) || NOT_ITS_OWN_PREFIXES.some((prefix) => lower.startsWith(prefix));
  return reserved ? 'is set by Posthorn or by the connection, and cannot be replaced' : undefined;
}

/** The same of a header's value, which is never repeated: it may be a secret. */
export function headerValueIssue(value: string): string | undefined {
  if (value.length > POLICY_BOUNDS.headerValue) {
    return `must have at most ${POLICY_BOUNDS.headerValue} characters`;
  }
  return VALUE.test(value)
    ? undefined
    : 'must be printable ASCII, without line breaks and without spaces at its ends';
}

/** Names that are there twice, once written in another case. */
export function repeatedHeaderNames(names: readonly string[]): string[] {
  const lower = names.map((name) => name.toLowerCase());
  return names.filter((name, i) => lower.indexOf(name.toLowerCase()) !== i);
}
