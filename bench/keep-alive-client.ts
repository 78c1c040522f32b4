import { connect, type Socket } from 'node:net';
import { bodyTemplate, writeNumber, type LeadOrder } from './event-body.ts';
import { HttpFraming, type Message } from './http-framing.ts';

/** Where events are posted, and with what. */
export interface Target {
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Makes whole requests by copying one that is ready and writing the events' numbers into it. */
export class RequestTemplate {
  readonly #bytes: Buffer;
  readonly #numbersAt: readonly number[];
  readonly #leads: LeadOrder;

  /** @param events in each request; more than one go as a list */
  constructor(target: Target, campaignId: number, events = 1, leads: LeadOrder = 'rising') {
    this.#leads = leads;
    const one = bodyTemplate(campaignId, leads);
    const text = Array.from({ length: events }, () => one.bytes.toString()).join(',');
    const body = Buffer.from(events === 1 ? text : `[${text}]`);
    const headers = {
      host: new URL(target.origin).host,
      'content-type': 'application/json',
      'content-length': String(body.length),
      ...target.headers,
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = Buffer.from(`POST ${target.path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    this.#bytes = Buffer.concat([head, body]);
    const first = head.length + (events === 1 ? 0 : 1) + one.numberAt;
    const distance = one.bytes.length + 1;
    this.#numbersAt = Array.from({ length: events }, (_, i) => first + i * distance);
  }

  /** @param number gives the next event's */
  request(number: () => number): Buffer {
    const bytes = Buffer.from(this.#bytes);
    for (const at of this.#numbersAt) writeNumber(bytes, at, number(), this.#leads);
    return bytes;
  }
}

/** All connections read into this one: what it holds is taken in before the next read. */
const READ_BUFFER = Buffer.allocUnsafe(64 * 1024);

/** One connection, one request at a time. */
export class KeepAliveClient {
  readonly #socket: Socket;
  #busy = false;

  private constructor(
    { hostname, port }: URL,
    onAnswer: (client: KeepAliveClient, status: number) => void,
  ) {
    const framing = new HttpFraming();
    const onMessage = ({ bytes, start }: Message): void => {
      // Not an answer: a server says so when it ends an idle connection.
      if (!this.#busy) return;
      const status = Number(bytes.toString('latin1', start + 9, start + 12));
      this.#busy = false;
      onAnswer(this, status);
    };
    const callback = (length: number, bytes: Uint8Array): boolean => {
      framing.push((bytes as Buffer).subarray(0, length), onMessage);
      return true;
    };
    const onread = { buffer: READ_BUFFER, callback };
    const socket = connect({ host: hostname, port: Number(port), noDelay: true, onread });
    this.#socket = socket;
    // A connection that ends under a request is an answer too, and none that is wanted.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (this.#busy) onAnswer(this, 0);
    });
  }

  static open(
    origin: string,
    onAnswer: (client: KeepAliveClient, status: number) => void,
  ): Promise<KeepAliveClient> {
    const client = new KeepAliveClient(new URL(origin), onAnswer);
    return new Promise((resolve, reject) => {
      client.#socket.once('error', reject);
      client.#socket.once('connect', () => resolve(client));
    });
  }

  /** Whether it can carry a request. */
  get open(): boolean {
    return this.#socket.writable;
  }

  send(request: Buffer): void {
    this.#busy = true;
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }
}
