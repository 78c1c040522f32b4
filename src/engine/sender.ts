import type { Outcome, ReceivedResponse } from '../domain/attempt.ts';

/** One POST, ready to go. */
export interface OutgoingRequest {
  /** Connections are kept per webhook. */
  readonly webhookId: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SendResult {
  readonly outcome: Outcome;
  readonly durationMs: number;
  readonly response: ReceivedResponse | null;
  /** A sentence where there was no usable answer. */
  readonly error: string | null;
}
