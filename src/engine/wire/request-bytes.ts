import type { Socket } from 'node:net';
import { TOKEN } from '../../domain/request-headers.ts';
import { hostOf } from '../address-guard.ts';
import type { Destination } from '../connector.ts';
import { SendFailure } from '../send-failure.ts';

/** Where a webhook's requests go, and how each of them begins. */
export interface Target extends Destination {
  readonly origin: string;
  /** The request line, host and connection. */
  readonly start: string;
}

/** What decides where a message ends or what becomes of its connection is ours to say. */
const NOT_THE_CALLERS = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const NO_PATH = /[^\x21-\x7e]/;
const NOT_ASCII = /[^\0-\x7f]/;

/** Throws where nothing can be sent there. */
export function targetOf(url: string): Target {
  const parsed = new URL(url);
  const { protocol, origin, host, port, pathname, search } = parsed;
  const path = pathname + search;
  if ((protocol !== 'http:' && protocol !== 'https:') || NO_PATH.test(path)) {
    throw new RangeError('Nothing can be sent there.');
  }
  return {
    origin,
    hostname: hostOf(parsed),
    port,
    protocol,
    start: `POST ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`,
  };
}

/** Names that were found to be good: a caller sends the same ones again and again. */
const goodNames = new Set<string>();
const MAX_GOOD_NAMES = 256;

/** The lines of these headers. Throws the failure that it is where HTTP does not allow one. */
export function headerLines(headers: Readonly<Record<string, string>>): string {
  let lines = '';
  for (const name in headers) {
    const value = headers[name] ?? '';
    if (!goodNames.has(name)) checkName(name);
    if (NO_VALUE.test(value)) throw notAllowed();
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

function checkName(name: string): void {
  if (!TOKEN.test(name)) throw notAllowed();
  if (NOT_THE_CALLERS.has(name.toLowerCase())) {
    throw new SendFailure('unreachable', 'The request has a header that cannot be sent.');
  }
  if (goodNames.size < MAX_GOOD_NAMES) goodNames.add(name);
}

function notAllowed(): SendFailure {
  const sentence = 'The request has a header or a path that HTTP does not allow.';
  return new SendFailure('unreachable', sentence);
}

/** One write for all of it; what is ASCII goes out without being encoded. */
export function writeRequest(socket: Socket, head: string, body: string): void {
  const length = Buffer.byteLength(body);
  const whole = `${head}content-length: ${length}\r\n\r\n`;
  if (length === body.length) {
    socket.write(whole + body, 'latin1');
  } else if (NOT_ASCII.test(head)) {
    socket.write(Buffer.concat([Buffer.from(whole, 'latin1'), Buffer.from(body)]));
  } else {
    socket.write(whole + body, 'utf8');
  }
}
