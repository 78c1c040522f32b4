import type { Socket } from 'node:net';
import type { Answer } from '../answer.ts';
import type { Cancel, GuardedConnector } from '../connector.ts';
import type { Gate } from '../rate-limit.ts';
import { writeRequest, type Target } from './request-bytes.ts';
import { ResponseParser, type Progress } from './response-parser.ts';

/**
 * Every socket reads into this one: what it holds is taken in before the next read. Only Windows reads
 * ahead, into a buffer that has to be the socket's own.
 */
const READ_BYTES = 64 * 1024;
const SHARED = Buffer.allocUnsafe(READ_BYTES);
const readBuffer = (): Buffer =>
  process.platform === 'win32' ? Buffer.allocUnsafe(READ_BYTES) : SHARED;

/** A request that a connection carries, and what becomes of it: exactly one of these, once. */
export interface Carried {
  /** What it has to pass before it is written. */
  readonly gate?: Gate | undefined;
  /** The connection was gone before anything of it was written. */
  lost(): void;
  failed(error: unknown): void;
  /** By an answer that is whole, or of which enough is read. */
  answered(ending: 'whole' | 'enough'): void;
}

/** What is kept open for one webhook. */
export interface WebhookConnections {
  url: string;
  target: Target;
  /** The one used last is used next, so that those not needed fall idle. */
  readonly free: Connection[];
  busy: number;
  dropped: boolean;
}

/** One socket, and at most one request at a time. */
export class Connection {
  readonly owner: WebhookConnections;
  /** On the monotonic clock; of one that is idle. */
  usableUntil = 0;
  readonly #onIdleEnd: (connection: Connection) => void;
  readonly #parser = new ResponseParser();
  #socket: Socket | undefined;
  #cancel: Cancel | undefined;
  #carried: Carried | undefined;
  #head = '';
  #body = '';
  #written = false;
  #destroyed = false;

  /** @param onIdleEnd called where it ends while it carries nothing */
  constructor(owner: WebhookConnections, onIdleEnd: (connection: Connection) => void) {
    this.owner = owner;
    this.#onIdleEnd = onIdleEnd;
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  /** What is known of the answer to what it carries. */
  get answer(): Answer | undefined {
    return this.#parser.answer;
  }

  /** For how long it may be kept after the answer that is now whole; 0: not at all. */
  get keepableMs(): number {
    const keepable = this.#parser.persistent && this.#socket?.writableLength === 0;
    return keepable ? this.#parser.keepAliveMs : 0;
  }

  /** Takes a request up: over a kept socket it goes out with `write`, over a new one by itself. */
  carry(carried: Carried, head: string, body: string): void {
    this.#carried = carried;
    this.#head = head;
    this.#body = body;
  }

  connect(connect: GuardedConnector): void {
    const onread = {
      buffer: readBuffer(),
      callback: (length: number, bytes: Uint8Array): boolean => {
        this.#receive(bytes as Buffer, length);
        return true;
      },
    };
    this.#cancel = connect(this.owner.target, onread, (error, socket) => {
      if (error) this.#fail(error);
      else this.#open(socket);
    });
  }

  /** Writes the request when it has leave to go. */
  write(): void {
    const gate = this.#carried?.gate;
    if (gate === undefined) this.#writeNow();
    else gate.pass(() => this.#writeNow());
  }

  /** @returns false where its request has ended, or was told that it is lost */
  #writeNow(): boolean {
    if (this.#carried === undefined || this.#socket === undefined) return false;
    this.#written = true;
    writeRequest(this.#socket, this.#head, this.#body);
    this.#head = '';
    this.#body = '';
    return true;
  }

  /** Its request has ended, with an answer that was whole. */
  rest(): void {
    this.#carried = undefined;
    this.#written = false;
    this.#parser.reset();
  }

  /** @param closed called when its socket is closed */
  destroy(closed?: () => void): void {
    this.#destroyed = true;
    this.#carried = undefined;
    this.#cancel?.();
    const socket = this.#socket;
    if (closed !== undefined) {
      if (socket === undefined || socket.closed) closed();
      else socket.once('close', closed);
    }
    socket?.destroy();
  }

  #open(socket: Socket): void {
    this.#socket = socket;
    // A plain socket hands over what it reads by `onread`, one of TLS as a stream.
    socket.on('data', (chunk: Buffer) => this.#receive(chunk, chunk.length));
    socket.on('error', (error) => this.#fail(error));
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
    this.write();
  }

  #receive(bytes: Buffer, length: number): void {
    const carried = this.#carried;
    if (carried === undefined || !this.#written) return this.#lose();
    let progress: Progress;
    try {
      progress = this.#parser.push(bytes, length);
    } catch (error) {
      return carried.failed(error);
    }
    if (progress !== 'more') carried.answered(progress);
  }

  /** The receiver will send no more. */
  #end(): void {
    const carried = this.#carried;
    if (carried === undefined || !this.#written) return this.#lose();
    try {
      this.#parser.end();
    } catch (error) {
      return carried.failed(error);
    }
    carried.answered('whole');
  }

  #fail(error: Error): void {
    const wasKept = this.#socket !== undefined && !this.#written;
    if (this.#carried === undefined || wasKept) this.#lose();
    else this.#carried.failed(error);
  }

  /** It is of no use any more, and nothing that was sent depends on it. */
  #lose(): void {
    if (this.#destroyed) return;
    if (this.#carried) this.#carried.lost();
    else this.#onIdleEnd(this);
  }
}
