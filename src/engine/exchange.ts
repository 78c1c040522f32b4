import type { Outcome } from '../domain/attempt.ts';
import type { Answer } from './answer.ts';
import type { Connections } from './connections.ts';
import type { Gate } from './rate-limit.ts';
import { seconds, SendFailure, sendFailure } from './send-failure.ts';
import type { OutgoingRequest, SendResult } from './sender.ts';
import type { Carried, Connection } from './wire/connection.ts';
import { headerLines } from './wire/request-bytes.ts';

/** One POST and its answer, under one deadline from beginning to end. */
export class Exchange implements Carried {
  readonly #request: OutgoingRequest;
  readonly #connections: Connections;
  readonly #timeoutMs: number;
  readonly #settle: (result: SendResult) => void;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #connection: Connection | undefined;
  #lines = '';
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
    try {
      this.#lines = headerLines(this.#request.headers);
    } catch (error) {
      return this.#fail(sendFailure(error));
    }
    this.#timer = setTimeout(expire, this.#timeoutMs, this);
    this.#dispatch();
  }

  expire(): void {
    const what = this.#answer ? 'The answer did not end' : 'No answer';
    this.#fail(new SendFailure('timed_out', `${what} within ${seconds(this.#timeoutMs)}.`));
  }

  answered(ending: 'whole' | 'enough'): void {
    // Of more than anybody needs the status counts, the rest is not waited for.
    if (this.#answer) this.#end(verdict(this.#answer.status), null, ending === 'whole');
  }

  failed(error: unknown): void {
    this.#fail(sendFailure(error));
  }

  /**
   * A kept connection that the receiver closed while it was idle, noticed before anything of this request
   * was written: another one may be used, the receiver has seen nothing.
   */
  lost(): void {
    if (this.#connection) this.#connections.discard(this.#connection);
    this.#connection = undefined;
    this.#dispatch();
  }

  get gate(): Gate | undefined {
    return this.#request.gate;
  }

  get #answer(): Answer | undefined {
    return this.#connection?.answer;
  }

  #dispatch(): void {
    const { webhookId, url, body } = this.#request;
    try {
      this.#connection = this.#connections.carry(webhookId, url, this.#lines, body, this);
    } catch {
      this.#fail(new SendFailure('unreachable', 'The URL is none that can be sent to.'));
    }
  }

  /** Where the status is known it alone judges: whoever answered 2xx has the event, and gets it no more. */
  #fail({ outcome, message }: SendFailure): void {
    const answer = this.#answer;
    this.#ranOut = outcome === 'timed_out';
    this.#end(answer ? verdict(answer.status) : outcome, message, false);
  }

  #end(outcome: Outcome, error: string | null, whole: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    const now = performance.now();
    const result = {
      outcome,
      durationMs: Math.round(now - this.#startedAt),
      ranOut: this.#ranOut,
      response: this.#answer?.response ?? null,
      error,
    };
    if (this.#connection !== undefined) {
      if (whole) this.#connections.release(this.#connection, now);
      else this.#connections.discard(this.#connection);
    }
    this.#settle(result);
  }
}

function expire(exchange: Exchange): void {
  exchange.expire();
}

function verdict(status: number): Outcome {
  return status >= 200 && status < 300 ? 'delivered' : 'rejected';
}
