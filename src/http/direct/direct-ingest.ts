import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { parseJsonBody } from '../body.ts';
import type { HttpDeps } from '../deps.ts';
import { errorAnswer } from '../errors.ts';
import { ingest } from '../ingest.ts';
import { newRequestId } from '../request-id.ts';
import type { DirectAnswer } from './answer-text.ts';
import { DirectConnection, type Door } from './direct-connection.ts';

type Deps = Pick<HttpDeps, 'authenticate' | 'intake' | 'log'>;

/** How long a connection may say nothing, or half a request, before node:http counts its time. */
const PATIENCE_MS = 2_000;
const SWEEP_MS = 1_000;

/**
 * Takes the plain case of `POST /events` from the socket: JSON of a known length with a key that is known,
 * in a head without anything unusual. A connection that brings anything else goes to node:http, and its
 * requests to the route of the same path; both answer the same. What it saves is a quarter of the work that
 * an event is in this process (docs/performance.md).
 */
export class DirectIngest implements Door {
  readonly requestLine: string;
  readonly keepAliveMs: number;
  readonly #path: string;
  readonly #deps: Deps;
  readonly #connections = new Set<DirectConnection>();
  #giveAway: (socket: Socket) => void = (socket) => socket.destroy();
  #sweeper: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(path: string, keepAliveMs: number, deps: Deps) {
    this.#path = path;
    this.requestLine = `POST ${path} HTTP/1.1\r\n`;
    this.keepAliveMs = keepAliveMs;
    this.#deps = deps;
  }

  /** Goes before those who listen for connections so far. */
  attach(server: Server): void {
    const others = server.listeners('connection') as ((socket: Socket) => void)[];
    this.#giveAway = (socket) => others.forEach((other) => other.call(server, socket));
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (this.#stopped) this.#giveAway(socket);
      else this.#connections.add(new DirectConnection(socket, this));
    });
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** Leaves all to the route: while the server closes, each answer has to close its connection. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#sweeper);
    for (const connection of this.#connections) connection.stop();
  }

  takes(key: string): number | undefined | Promise<number | undefined> {
    const principal = this.#deps.authenticate(key);
    if (principal instanceof Promise) return principal.then(accountOf);
    return accountOf(principal);
  }

  async answer(body: Buffer, accountId: number): Promise<DirectAnswer> {
    const requestId = newRequestId();
    try {
      const answer = await ingest(parseJsonBody(body), accountId, this.#deps.intake);
      return { requestId, status: 202, headers: {}, body: answer };
    } catch (error) {
      const name = { id: requestId, method: 'POST', route: this.#path };
      return { requestId, ...errorAnswer(error, name, this.#deps.log) };
    }
  }

  handOver(connection: DirectConnection, socket: Socket, bytes: Buffer | undefined): void {
    this.#connections.delete(connection);
    // What was read has to be read again before what comes.
    socket.pause();
    if (bytes !== undefined) socket.unshift(bytes);
    this.#giveAway(socket);
    socket.resume();
  }

  closed(connection: DirectConnection): void {
    this.#connections.delete(connection);
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#connections) connection.sweep(now, PATIENCE_MS);
  }
}

/** One client's key is the route's to refuse. */
function accountOf(
  principal: { readonly accountId: number; readonly clientId: number | null } | undefined,
): number | undefined {
  return principal?.clientId === null ? principal.accountId : undefined;
}
