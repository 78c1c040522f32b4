import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Outcome } from '../domain/attempt.ts';
import { Answer } from './answer.ts';
import type { Connection, Connections } from './connections.ts';
import { seconds, SendFailure, sendFailure } from './send-failure.ts';
import type { OutgoingRequest, SendResult } from './sender.ts';

/**
 * One POST and its answer, under one deadline from beginning to end. It is undici's handler itself: this
 * path runs for every delivery, and objects between would cost as much as the work.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: OutgoingRequest;
  readonly #connections: Connections;
  readonly #timeoutMs: number;
  readonly #settle: (result: SendResult) => void;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #connection: Connection | undefined;
  #answer: Answer | undefined;
  #written = false;
  #ended = false;
  #ranOut = false;

  constructor(
    request: OutgoingRequest,
    connections: Connections,
    timeoutMs: number,
    settle: (result: SendResult) => void,
  ) {
    this.#request = request;
    this.#connections = connections;
    this.#timeoutMs = timeoutMs;
    this.#settle = settle;
  }

  start(): void {
    this.#timer = setTimeout(expire, this.#timeoutMs, this);
    this.#dispatch();
  }

  expire(): void {
    const what = this.#answer ? 'The answer did not end' : 'No answer';
    this.#fail(new SendFailure('timed_out', `${what} within ${seconds(this.#timeoutMs)}.`));
  }

  onRequestStart(): void {
    this.#written = true;
  }

  onResponseStart(_: unknown, status: number, headers: IncomingHttpHeaders): void {
    // 1xx only announces the answer.
    if (status >= 200) this.#answer = new Answer(status, headers);
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    if (this.#ended || this.#answer === undefined || this.#answer.add(chunk)) return;
    // More than anybody needs: the status counts, the rest is not waited for.
    this.#end(verdict(this.#answer.status), null, false);
  }

  onResponseEnd(): void {
    if (this.#answer) this.#end(verdict(this.#answer.status), null, true);
  }

  onResponseError(_: unknown, error: Error): void {
    if (this.#ended) return;
    if (this.#isStaleSocket(error)) {
      if (this.#connection) this.#connections.discard(this.#connection);
      this.#dispatch();
    } else {
      this.#fail(sendFailure(error));
    }
  }

  #dispatch(): void {
    const { webhookId, url, headers, body } = this.#request;
    try {
      this.#connection = this.#connections.take(webhookId, url);
    } catch {
      this.#fail(new SendFailure('unreachable', 'The URL is none that can be sent to.'));
      return;
    }
    const { client, owner } = this.#connection;
    client.dispatch({ path: owner.path, method: 'POST', headers, body }, this);
  }

  /**
   * A kept connection that the receiver reset while it was idle, noticed before anything of this request
   * was written: another one may be used, the receiver has seen nothing.
   */
  #isStaleSocket(error: Error): boolean {
    const reset = 'code' in error && error.code === 'ECONNRESET';
    return reset && !this.#written && this.#connection?.used === true;
  }

  /** Where the status is known it alone judges: whoever answered 2xx has the event, and gets it no more. */
  #fail({ outcome, message }: SendFailure): void {
    this.#ranOut = outcome === 'timed_out';
    this.#end(this.#answer ? verdict(this.#answer.status) : outcome, message, false);
  }

  #end(outcome: Outcome, error: string | null, reusable: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#settle({
      outcome,
      durationMs: Math.round(performance.now() - this.#startedAt),
      ranOut: this.#ranOut,
      response: this.#answer?.response ?? null,
      error,
    });
    if (this.#connection === undefined) return;
    if (reusable) this.#connections.release(this.#connection);
    else this.#connections.discard(this.#connection);
  }
}

function expire(exchange: Exchange): void {
  exchange.expire();
}

function verdict(status: number): Outcome {
  return status >= 200 && status < 300 ? 'delivered' : 'rejected';
}
