import type { Socket } from 'node:net';
import { answerClientError } from '../client-errors.ts';
import { writeAnswer, type DirectAnswer } from './answer-text.ts';
import { readHead, type RequestHead } from './request-head.ts';

/** In more pieces a request is not put together here: each one copies those before it. */
const MAX_PIECES = 64;

/** What the connections have in common. */
export interface Door {
  /** Of the only request that is taken here, with its line break. */
  readonly requestLine: string;
  readonly keepAliveMs: number;
  /** Whether requests with this key are taken here; a promise where it is not known yet. */
  takes(key: string): number | undefined | Promise<number | undefined>;
  /** Resolves with what is answered, whatever becomes of it. */
  answer(body: Buffer, accountId: number): Promise<DirectAnswer>;
  /** Gives a connection to node:http, for good, with what came in and was not answered. */
  handOver(connection: DirectConnection, socket: Socket, bytes: Buffer | undefined): void;
  closed(connection: DirectConnection): void;
}

/**
 * A caller's connection as long as it brings plain requests, one after another. With the first bytes that are
 * anything else, or that wait to be more, node:http has it: all limits of time for slow ones are kept there.
 */
export class DirectConnection {
  readonly #socket: Socket;
  readonly #door: Door;
  /** What came in and is not a whole request, or waits for the answer to the one before. */
  #bytes: Buffer | undefined;
  #pieces = 0;
  #busy = false;
  #halfClosed = false;
  #leaving = false;
  #lastUsedAt = performance.now();
  #used = false;

  constructor(socket: Socket, door: Door) {
    this.#socket = socket;
    this.#door = door;
    socket.on('data', this.#receive);
    socket.on('end', this.#end);
    socket.on('error', this.#fail);
    socket.on('close', this.#close);
  }

  /** To be called now and then: nothing waits here for long. */
  sweep(now: number, patienceMs: number): void {
    if (this.#busy) return;
    const quietMs = now - this.#lastUsedAt;
    if (this.#used && this.#bytes === undefined) {
      if (quietMs > this.#door.keepAliveMs) this.#socket.destroy();
    } else if (quietMs > patienceMs) {
      this.leave();
    }
  }

  /** The server takes nothing new: what waits for nothing is closed. */
  stop(): void {
    if (this.#busy || this.#bytes !== undefined) this.leave();
    else this.#socket.destroy();
  }

  /** Goes to node:http, when what is under way is answered. */
  leave(): void {
    this.#leaving = true;
    if (this.#busy) return;
    const bytes = this.#bytes;
    this.#bytes = undefined;
    this.#socket.off('data', this.#receive);
    this.#socket.off('end', this.#end);
    this.#socket.off('error', this.#fail);
    this.#socket.off('close', this.#close);
    this.#door.handOver(this, this.#socket, bytes);
  }

  readonly #receive = (chunk: Buffer): void => {
    if (this.#bytes === undefined) {
      if (!this.#busy) this.#lastUsedAt = performance.now();
      this.#bytes = chunk;
      this.#pieces = 1;
    } else {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#pieces += 1;
    }
    // It did not wait for its answer: no more is read until that is on its way, and then not here.
    if (this.#busy) this.#socket.pause();
    else if (this.#pieces > MAX_PIECES) this.leave();
    else this.#look(this.#bytes);
  };

  #look(bytes: Buffer): void {
    const head = readHead(bytes, this.#door.requestLine);
    if (head === 'incomplete') return;
    if (head === 'other' || bytes.length > head.length + head.bodyLength) return this.leave();
    if (bytes.length < head.length + head.bodyLength) return;
    this.#busy = true;
    this.#bytes = undefined;
    const accountId = this.#door.takes(head.key);
    if (!(accountId instanceof Promise)) return this.#take(bytes, head, accountId);
    const settle = (found?: number): void => this.#take(bytes, head, found);
    accountId.then(settle, () => settle());
  }

  /** What is not taken goes to node:http as it came. */
  #take(request: Buffer, { length }: RequestHead, accountId: number | undefined): void {
    if (accountId !== undefined) {
      const answering = this.#door.answer(request.subarray(length), accountId);
      return void answering.then((answer) => this.#answer(answer));
    }
    this.#busy = false;
    this.#bytes = this.#bytes === undefined ? request : Buffer.concat([request, this.#bytes]);
    this.leave();
  }

  #answer(answer: DirectAnswer): void {
    this.#busy = false;
    const socket = this.#socket;
    if (socket.destroyed) return;
    const { keepAliveMs } = this.#door;
    const last = this.#halfClosed || (this.#leaving && this.#bytes === undefined);
    writeAnswer(socket, answer, last ? 0 : Math.floor(keepAliveMs / 1_000));
    if (last) return void socket.end();
    this.#used = true;
    this.#lastUsedAt = performance.now();
    if (this.#leaving || this.#bytes !== undefined) this.leave();
    else if (socket.writableNeedDrain) this.#waitForReader();
  }

  /** Whoever does not read answers is not to fill the memory with them. */
  #waitForReader(): void {
    this.#socket.pause();
    this.#socket.once('drain', () => this.#socket.resume());
  }

  readonly #end = (): void => {
    this.#halfClosed = true;
    if (this.#busy) return;
    if (this.#bytes === undefined) this.#socket.end();
    else answerClientError(new Error('It ended within a request'), this.#socket);
  };

  /** It closes by itself. */
  readonly #fail = (): void => {};

  readonly #close = (): void => this.#door.closed(this);
}
