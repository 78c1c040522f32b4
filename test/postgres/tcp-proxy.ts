import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Something on its way to the server that got as far as the proxy. */
export interface HeldRequest {
  /** Sends it on, and all that came after it. */
  release(): void;
  /** Breaks the connection: the server never gets it. */
  cut(): void;
  /** Sends it on, waits for the server's answer, and breaks the connection instead of handing it back. */
  cutAfterAnswer(): Promise<void>;
  /** Sends it on and breaks the connection to the client; the server's side stays open. */
  cutClientOnly(): void;
}

interface Trap {
  readonly text: string;
  caught(request: HeldRequest): void;
}

/** A way to the server that can be shut, go silent, and break connections at a chosen moment. */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: URL;
  readonly #connections = new Set<Connection>();
  #traps: Trap[] = [];
  #shut = false;
  #silent = false;
  /** Connections that were refused so far. */
  refused = 0;

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  static async start(targetUrl: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(new URL(targetUrl));
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** The target's URL, by this way. */
  get url(): string {
    const url = new URL(this.#target);
    url.hostname = '127.0.0.1';
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** Breaks all connections and takes no others until opened. */
  shut(): void {
    this.#shut = true;
    this.cutAll();
  }

  open(): void {
    this.#shut = false;
  }

  cutAll(): void {
    for (const connection of this.#connections) connection.cut();
  }

  /** The connections that there are go silent for ever; new ones work: another machine is there instead. */
  silenceConnections(): void {
    for (const connection of this.#connections) connection.silent = true;
  }

  /** From now on nothing gets through in either direction, and nothing is closed: a dead network. */
  set silent(silent: boolean) {
    this.#silent = silent;
  }

  /** Resolves when the next request with this text in it is here; it is kept from going on. */
  holdNext(text: string): Promise<HeldRequest> {
    return new Promise((caught) => {
      this.#traps.push({ text, caught });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.shut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    client.on('error', () => undefined);
    if (this.#shut) {
      this.refused += 1;
      client.resetAndDestroy();
      return;
    }
    const connection = new Connection(client, this.#target, {
      isSilent: () => this.#silent,
      trapFor: (chunk) => this.#trapFor(chunk),
      ended: () => void this.#connections.delete(connection),
    });
    this.#connections.add(connection);
  }

  #trapFor(chunk: Buffer): Trap | undefined {
    const trap = this.#traps.find(({ text }) => chunk.includes(text));
    if (trap) this.#traps = this.#traps.filter((other) => other !== trap);
    return trap;
  }
}

interface ConnectionEvents {
  isSilent(): boolean;
  trapFor(chunk: Buffer): Trap | undefined;
  ended(): void;
}

class Connection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #events: ConnectionEvents;
  /** What is kept back, once something was caught. */
  #held: Buffer[] | undefined;
  #onAnswer: (() => void) | undefined;
  silent = false;

  constructor(client: Socket, target: URL, events: ConnectionEvents) {
    this.#client = client;
    this.#events = events;
    const port = Number(target.port || '5432');
    this.#server = connect({ port, host: target.hostname, noDelay: true });
    this.#server.on('error', () => undefined);
    client.on('data', (chunk: Buffer) => this.#request(chunk));
    this.#server.on('data', (chunk: Buffer) => this.#answer(chunk));
    client.on('close', () => {
      events.ended();
      if (this.#held === undefined) this.#server.destroy();
    });
    this.#server.on('close', () => {
      if (!events.isSilent()) client.destroy();
    });
  }

  cut(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #request(chunk: Buffer): void {
    if (this.silent || this.#events.isSilent()) return;
    if (this.#held) {
      this.#held.push(chunk);
      return;
    }
    const trap = this.#events.trapFor(chunk);
    if (!trap) {
      this.#server.write(chunk);
      return;
    }
    this.#held = [chunk];
    trap.caught({
      release: () => this.#release(),
      cut: () => this.cut(),
      cutAfterAnswer: () => this.#cutAfterAnswer(),
      cutClientOnly: () => {
        for (const held of this.#held ?? []) this.#server.write(held);
        this.#client.destroy();
      },
    });
  }

  #release(): void {
    for (const held of this.#held ?? []) this.#server.write(held);
    this.#held = undefined;
  }

  #cutAfterAnswer(): Promise<void> {
    return new Promise((resolve) => {
      this.#onAnswer = () => {
        this.cut();
        resolve();
      };
      this.#release();
    });
  }

  #answer(chunk: Buffer): void {
    if (this.silent || this.#events.isSilent()) return;
    if (this.#onAnswer) {
      // The whole answer to a COMMIT fits one packet with the tag in it.
      if (chunk.includes('COMMIT')) this.#onAnswer();
      return;
    }
    this.#client.write(chunk);
  }
}
