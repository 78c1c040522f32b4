import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Some machines and containers have none, not even on loopback. */
export const HAS_IPV6 = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .some(({ address }) => address === '::1');

/** Answers one whole request; `request` is all its bytes as latin1. */
export type Answering = (socket: Socket, request: string) => void;

/** An HTTP receiver made of a bare socket, so that it can be as wrong as a test wants. */
export class Receiver implements AsyncDisposable {
  readonly #server: Server;
  readonly host: string;
  readonly sockets: Socket[] = [];
  readonly requests: string[] = [];
  /** Everything that came in, also what is no whole request. */
  bytes = 0;

  private constructor(host: string, answering: Answering) {
    this.host = host;
    this.#server = createServer((socket) => this.#serve(socket, answering));
  }

  static async start(answering: Answering, host = '127.0.0.1', port = 0): Promise<Receiver> {
    const receiver = new Receiver(host, answering);
    receiver.#server.listen(port, host);
    await once(receiver.#server, 'listening');
    return receiver;
  }

  /** One on each host, all on one port: which of the free ones of the first is free on all is found out. */
  static async startTogether(answering: Answering, hosts: readonly string[]): Promise<Receiver[]> {
    for (;;) {
      const started: Receiver[] = [];
      try {
        for (const host of hosts) {
          started.push(await Receiver.start(answering, host, started[0]?.port));
        }
        return started;
      } catch (error) {
        for (const receiver of started) await receiver[Symbol.asyncDispose]();
        if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'))
          throw error;
      }
    }
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    const host = this.host.includes(':') ? `[${this.host}]` : this.host;
    return `http://${host}:${this.port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket, answering: Answering): void {
    this.sockets.push(socket);
    let pending = '';
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.bytes += chunk.length;
      pending += chunk.toString('latin1');
      for (let end = endOfRequest(pending); end > 0; end = endOfRequest(pending)) {
        const request = pending.slice(0, end);
        pending = pending.slice(end);
        this.requests.push(request);
        answering(socket, request);
      }
    });
  }
}

/** The usual answer, kept alive. */
export const ok: Answering = (socket) => {
  socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
};

function endOfRequest(bytes: string): number {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return 0;
  const length = Number(/\r\ncontent-length: (\d+)/.exec(bytes.slice(0, headEnd))?.[1] ?? 0);
  const end = headEnd + 4 + length;
  return bytes.length >= end ? end : 0;
}
