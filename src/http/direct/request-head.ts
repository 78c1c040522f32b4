import { JSON_TYPE } from '../answer-headers.ts';
import { keyOfHeaders } from '../auth.ts';
import { MAX_BODY_BYTES } from '../body.ts';

/** Of one plain request, the part before its body. */
export interface RequestHead {
  /** In bytes, with the blank line at its end. */
  readonly length: number;
  readonly bodyLength: number;
  readonly key: string;
}

const HEAD_END = Buffer.from('\r\n\r\n');
/** As much as node:http takes. */
const MAX_HEAD_BYTES = 16 * 1024;

/** A whole line of ASCII, with nothing before its colon but a name. */
const LINE = /([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e]*)\r\n/y;
const LENGTH = /^\d{1,9}$/;
const JSON_TYPES: ReadonlySet<string> = new Set(['application/json', JSON_TYPE]);

/** Headers that say where the body ends, or what is to become of the connection. */
const NOT_PLAIN: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Headers that are looked at. */
type Seen = Partial<
  Record<'host' | 'content-type' | 'content-length' | 'authorization' | 'x-api-key', string>
>;

/**
 * Reads the head of a request if it is a plain one: this request line, and headers of which no two readers
 * could think differently. Everything else is `other`, right or wrong: node:http is to judge it.
 * @param requestLine with its line break
 */
export function readHead(bytes: Buffer, requestLine: string): RequestHead | 'incomplete' | 'other' {
  const start = bytes.toString('latin1', 0, requestLine.length);
  if (!requestLine.startsWith(start)) return 'other';
  const end = bytes.indexOf(HEAD_END);
  if (end === -1) return bytes.length > MAX_HEAD_BYTES ? 'other' : 'incomplete';
  if (end > MAX_HEAD_BYTES || end < requestLine.length) return 'other';
  const seen = headersIn(bytes.toString('latin1', requestLine.length, end + 2));
  return (seen && headOf(seen, end + HEAD_END.length)) ?? 'other';
}

function headersIn(lines: string): Seen | undefined {
  const seen: Seen = {};
  LINE.lastIndex = 0;
  while (LINE.lastIndex < lines.length) {
    const [, given, value] = LINE.exec(lines) ?? [];
    if (given === undefined || value === undefined) return undefined;
    const name = given.toLowerCase();
    switch (name) {
      case 'host':
      case 'content-type':
      case 'content-length':
      case 'authorization':
      case 'x-api-key':
        if (seen[name] !== undefined) return undefined;
        seen[name] = value.trimEnd();
        break;
      default:
        if (NOT_PLAIN.has(name) && !isKeepAlive(name, value)) return undefined;
    }
  }
  return seen;
}

/** What HTTP/1.1 does anyway, and many say. */
function isKeepAlive(name: string, value: string): boolean {
  return name === 'connection' && value.trimEnd().toLowerCase() === 'keep-alive';
}

function headOf(seen: Seen, length: number): RequestHead | undefined {
  const { host, 'content-type': type, 'content-length': given } = seen;
  if (host === undefined || type === undefined || given === undefined) return undefined;
  const bodyLength = Number(given);
  if (!JSON_TYPES.has(type) || !LENGTH.test(given) || bodyLength > MAX_BODY_BYTES) return undefined;
  const key = keyOfHeaders(seen);
  return key === undefined ? undefined : { length, bodyLength, key };
}
