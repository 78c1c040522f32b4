import { notHttp, unaskedFor } from './faults.ts';
import { headerFields, trimmed, type HeaderFields } from './header-lines.ts';

const KEPT_HEADER_BYTES = 8 * 1024;

/** How an answer's body ends: after so many bytes, with its last chunk, or with the connection. */
export type Framing = number | 'chunked' | 'until-close';

/** The head of an answer, understood. */
export interface ResponseHead {
  readonly status: number;
  /** Those that are kept: of a large head the first 8 KiB. */
  readonly headers: Readonly<HeaderFields>;
  readonly framing: Framing;
  /** Whether the connection may carry another request after this answer. */
  readonly persistent: boolean;
  /** For how long the receiver says that it keeps the connection. */
  readonly keepAliveMs: number;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\r]*)?\r\n/;
const CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;
const KEEP_ALIVE = /(?:^|,)[ \t]*keep-alive[ \t]*(?:,|$)/i;
const TIMEOUT = /(?:^|[,; \t])timeout=(\d{1,9})/i;

/**
 * Reads a head that is whole, its empty line with it, after it was looked at for characters that no line may hold. Throws
 * the failure that it is where it is none.
 */
export function responseHead(text: string): ResponseHead {
  const start = STATUS_LINE.exec(text);
  if (start === null) throw notHttp();
  const fields = headerFields(text, start[0].length);
  if (fields === undefined) throw notHttp();
  const status = Number(start[2]);
  if (status === 100 || status === 101) throw unaskedFor();
  const staysOpen = isPersistent(combined(own(fields, 'connection')), start[1] === '1');
  // Nothing comes behind what announces an answer where the connection ends with it.
  if (status < 200 && !staysOpen) throw notHttp();
  const codings = combined(own(fields, 'transfer-encoding'));
  const length = contentLength(own(fields, 'content-length'), codings);
  const bodiless = status < 200 || status === 204 || status === 304;
  const framing = bodiless ? 0 : framingOf(length, codings);
  // What wrongly comes behind it would be taken for the next answer; RFC 9112, 6.1 for HTTP/1.0.
  const doubtful = codings !== undefined && (bodiless || start[1] === '0');
  return {
    status,
    headers: text.length > KEPT_HEADER_BYTES ? bounded(fields) : fields,
    framing,
    persistent:
      framing !== 'until-close' &&
      !doubtful &&
      !(bodiless && length !== undefined && length > 0) &&
      staysOpen,
    keepAliveMs: keepAliveMs(combined(own(fields, 'keep-alive'))),
  };
}

function own(fields: HeaderFields, name: string): string | string[] | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** RFC 9110, 5.3: several lines of a list are one list. */
function combined(value: string | string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(',') : value;
}

/**
 * One value, of digits. Two lines of it, also of the same number, and one beside a transfer coding are
 * what answers are smuggled with: somebody on the way may have believed the other one.
 */
function contentLength(
  value: string | string[] | undefined,
  codings: string | undefined,
): number | undefined {
  if (value === undefined) return undefined;
  if (codings !== undefined || typeof value !== 'string' || !/^\d+$/.test(value)) throw notHttp();
  const length = Number(value);
  if (!Number.isSafeInteger(length)) throw notHttp();
  return length;
}

function framingOf(length: number | undefined, codings: string | undefined): Framing {
  if (codings === undefined) return length ?? 'until-close';
  const list = codings.split(',').map((coding) => trimmed(coding).toLowerCase());
  const first = list.indexOf('chunked');
  if (first === list.length - 1) return 'chunked';
  if (list.includes('chunked', first + 1)) throw notHttp();
  return 'until-close';
}

function isPersistent(connection: string | undefined, byDefault: boolean): boolean {
  if (connection === undefined) return byDefault;
  return !CLOSE.test(connection) && (byDefault || KEEP_ALIVE.test(connection));
}

function keepAliveMs(keepAlive: string | undefined): number {
  const timeout = keepAlive === undefined ? undefined : TIMEOUT.exec(keepAlive)?.[1];
  return timeout === undefined ? Number.POSITIVE_INFINITY : Number(timeout) * 1_000;
}

function bounded(fields: HeaderFields): HeaderFields {
  const kept: [string, string | string[]][] = [];
  let size = 0;
  for (const [name, value] of Object.entries(fields)) {
    size += name.length + sizeOf(value);
    if (size > KEPT_HEADER_BYTES) break;
    kept.push([name, value]);
  }
  return Object.fromEntries(kept);
}

function sizeOf(value: string | string[]): number {
  return typeof value === 'string'
    ? value.length
    : value.reduce((sum, each) => sum + each.length, 0);
}
