import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { Client } from 'undici';
import { ResponseParser } from '../../src/engine/wire/response-parser.ts';

/** What somebody makes of an answer and the end of the connection behind it. */
export interface Reading {
  readonly status: number | null;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  /** Whether the connection may carry another request. */
  readonly persistent: boolean;
  readonly error: string | null;
}

/** All pieces come in one buffer, as they do from sockets: what a piece was is gone after it. */
const shared = Buffer.alloc(64 * 1024);

/** Ours, of an answer that comes in pieces cut at these places. */
export function read(
  answer: Buffer,
  cuts: readonly number[] = [],
  parser = new ResponseParser(),
): Reading {
  const ends = [...cuts.filter((cut) => cut < answer.length), answer.length];
  let at = 0;
  let error: string | null = null;
  let whole = false;
  try {
    for (const end of ends) {
      answer.copy(shared, 0, at, end);
      const progress = parser.push(shared, end - at);
      shared.fill('!', 0, end - at);
      at = end;
      whole = progress === 'whole';
      if (progress !== 'more') break;
    }
    if (!whole) parser.end();
  } catch (failure) {
    error = (failure as Error).message;
  }
  const response = parser.answer?.response;
  return {
    status: response?.status ?? null,
    headers: response?.headers ?? {},
    body: response?.body ?? '',
    // What comes in pieces of its own behind an answer ends an idle connection.
    persistent: error === null && whole && parser.persistent && at === answer.length,
    error,
  };
}

/** Cut into single bytes. */
export function everywhere({ length }: Buffer): number[] {
  return Array.from({ length: Math.max(length - 1, 0) }, (_, index) => index + 1);
}

/** The same question put to llhttp, as undici uses it, over a real socket. */
export class Judge implements AsyncDisposable {
  readonly #server: Server;
  #answer: Buffer = Buffer.alloc(0);

  private constructor() {
    this.#server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(this.#answer));
    });
  }

  static async start(): Promise<Judge> {
    const judge = new Judge();
    judge.#server.listen(0, '127.0.0.1');
    await once(judge.#server, 'listening');
    return judge;
  }

  async read(answer: Buffer): Promise<Omit<Reading, 'persistent'>> {
    this.#answer = answer;
    const { port } = this.#server.address() as AddressInfo;
    const client = new Client(`http://127.0.0.1:${port}`, { allowH2: false, pipelining: 1 });
    const reading = { status: null as number | null, headers: {}, error: null as string | null };
    const body: Buffer[] = [];
    await new Promise<void>((resolve) => {
      client.dispatch(
        { path: '/', method: 'POST', body: '' },
        {
          onRequestStart() {},
          onResponseStart: (_, status, headers) => {
            if (status >= 200) Object.assign(reading, { status, headers });
          },
          onResponseData: (_, chunk) => void body.push(Buffer.from(chunk)),
          onResponseEnd: () => resolve(),
          onResponseError: (_, error) => {
            reading.error = error.message;
            resolve();
          },
        },
      );
    });
    await client.destroy();
    const text = Buffer.concat(body).toString('utf8').replaceAll('\0', '\ufffd');
    return { ...reading, headers: trimmed(reading.headers), body: text };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const trim = (value: string): string => value.replace(/[ \t]+$/, '');

/** RFC 9112, 5: blanks around a value are none of it. Undici leaves those behind it on. */
function trimmed(headers: Readonly<Record<string, string | string[]>>): Reading['headers'] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      typeof value === 'string' ? trim(value) : value.map(trim),
    ]),
  );
}
