import type { Outcome, ReceivedResponse } from '../domain/attempt.ts';
import { Connections } from './connections.ts';
import { guardedConnector, type ConnectorOptions } from './connector.ts';
import { Exchange } from './exchange.ts';
import type { Gate } from './rate-limit.ts';

/** One POST, ready to go. */
export interface OutgoingRequest {
  /** Connections are kept per webhook. */
  readonly webhookId: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** It waits there when its connection is ready. */
  readonly gate?: Gate | undefined;
}

export interface SendResult {
  readonly outcome: Outcome;
  readonly durationMs: number;
  /** Whether it was cut off at its deadline, also where a status was known by then. */
  readonly ranOut: boolean;
  /** Also where the answer broke off or took too long after its status was known. */
  readonly response: ReceivedResponse | null;
  /** A sentence where there was no usable answer, or one that did not end well. */
  readonly error: string | null;
}

export interface SenderOptions extends Omit<ConnectorOptions, 'timeoutMs'> {
  /** For resolving the name, connecting and TLS. */
  readonly connectTimeoutMs: number;
  /** For all of it, to the end of the answer. */
  readonly requestTimeoutMs: number;
}

/** Sends POSTs: to allowed addresses only, within a time, never following a redirect. */
export class Sender {
  readonly #connections: Connections;
  readonly #requestTimeoutMs: number;

  constructor({ connectTimeoutMs, requestTimeoutMs, ...connecting }: SenderOptions) {
    this.#connections = new Connections(
      guardedConnector({ ...connecting, timeoutMs: connectTimeoutMs }),
    );
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  /**
   * Calls back once: every ending is an outcome. How many are under way at once is the caller's to
   * bound. Where nothing could be sent at all it calls back before it returns.
   */
  send(
    request: OutgoingRequest,
    ended: (result: SendResult) => void,
    options?: { readonly timeoutMs?: number },
  ): void {
    const timeoutMs = options?.timeoutMs ?? this.#requestTimeoutMs;
    new Exchange(request, this.#connections, timeoutMs, ended).start();
  }

  /** Lets go of a webhook's idle connections: it was deleted, or its URL changed. */
  forget(webhookId: number): void {
    this.#connections.forget(webhookId);
  }

  /** Ends idle connections; requests in flight are the caller's to await. */
  close(): Promise<void> {
    return this.#connections.close();
  }
}
