import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Made for each connection: what becomes of what a client sends. */
export type Reader = () => (chunk: Buffer) => Buffer;

/** A way to the server on which everything that clients send is read, or changed. */
export class Wire implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();

  private constructor(target: URL, reader: Reader) {
    this.#target = target;
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client, reader()));
  }

  static async start(targetUrl: string, reader: Reader): Promise<Wire> {
    const wire = new Wire(new URL(targetUrl), reader);
    wire.#server.listen(0, '127.0.0.1');
    await once(wire.#server, 'listening');
    return wire;
  }

  get url(): string {
    const url = new URL(this.#target);
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #accept(client: Socket, read: (chunk: Buffer) => Buffer): void {
    const { hostname: host, port } = this.#target;
    const server = connect({ host, port: Number(port), noDelay: true });
    client.on('data', (chunk: Buffer) => server.write(read(chunk)));
    server.on('data', (chunk: Buffer) => client.write(chunk));
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}

/** It asks to be told, and is told nothing: as where a pooler or a proxy is in between. */
export const deaf: Reader = () => (chunk) =>
  Buffer.from(chunk.toString('latin1').replace('LISTEN posthorn', 'LISTEN nothing_'), 'latin1');

const EXECUTE = 'E'.charCodeAt(0);
const QUERY = 'Q'.charCodeAt(0);
const TYPE = 1;
const LENGTH = 4;

/** Counts the statements that are sent, and the commits among them. */
export class StatementCount {
  statements = 0;
  commits = 0;

  readonly reader: Reader = () => {
    let rest: Buffer = Buffer.alloc(0);
    // The first message of a connection has no type.
    let type = 0;
    return (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= type + LENGTH) {
        const end = type + rest.readUInt32BE(type);
        if (rest.length < end) break;
        if (type === TYPE) this.#message(rest.subarray(0, end));
        rest = rest.subarray(end);
        type = TYPE;
      }
      return chunk;
    };
  };

  #message(message: Buffer): void {
    if (message[0] !== EXECUTE && message[0] !== QUERY) return;
    this.statements += 1;
    if (message[0] === QUERY && message.includes('COMMIT')) this.commits += 1;
  }
}
