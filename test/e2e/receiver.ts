import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';

/** One POST as it arrived. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly at: number;
  /** The status answered; undefined while, or where, none is. */
  status: number | undefined;
}

export type Behaviour = (received: Received, response: ServerResponse) => void;

/** Answers a status after a time; `undefined` hangs until the other side gives up. */
export function answer(
  received: Received,
  response: ServerResponse,
  status: number,
  afterMs = 0,
): void {
  const send = (): void => {
    if (response.destroyed) return;
    response.writeHead(status, { 'content-type': 'text/plain' });
    // Once it has left this process: a POST that was cut off before counts as not answered.
    response.end('seen', () => (received.status = status));
  };
  if (afterMs > 0) setTimeout(send, afterMs);
  else send();
}

/** A real HTTP server on loopback that keeps what it gets. */
export class Receiver {
  readonly received: Received[] = [];
  readonly url: string;
  readonly #server;

  private constructor(server: ReturnType<typeof createServer>, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async start(behave: Behaviour = (r, response) => answer(r, response, 200)) {
    const server = createServer({ keepAliveTimeout: 30_000 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const receiver = new Receiver(server, `http://127.0.0.1:${port}`);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const received: Received = {
          path: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(chunks).toString('utf8'),
          at: Date.now(),
          status: undefined,
        };
        receiver.received.push(received);
        behave(received, response);
      });
      request.on('error', () => undefined);
    });
    return receiver;
  }

  /** How many connections are open: none of a process that has died, once all it sent has been read. */
  connections(): Promise<number> {
    return promisify<number>((done) => this.#server.getConnections(done))();
  }

  at(path: string): Received[] {
    return this.received.filter((received) => received.path === path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
