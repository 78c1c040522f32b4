/** What an attempt came to. */
export const OUTCOMES = ['delivered', 'rejected', 'timed_out', 'unreachable', 'blocked'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What the receiver answered, as far as it is kept. */
export interface ReceivedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** The first 4 KiB as text. */
  readonly body: string;
}

/** One HTTP request of a delivery: immutable. */
export interface Attempt {
  /** 1 for a delivery's first attempt. */
  readonly number: number;
  /** Milliseconds since 1970; `webhook-timestamp` is this in whole seconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly outcome: Outcome;
  /** The request as sent. */
  readonly url: string;
  readonly signature: string;
  readonly userAgent: string;
  readonly response: ReceivedResponse | null;
  /** A sentence where there was no usable answer, or one that did not end well. */
  readonly error: string | null;
}

/** What comes after an attempt; fixed in the same commit that records it. */
export type NextStep =
  | { readonly status: 'succeeded' | 'exhausted' }
  | { readonly status: 'pending'; readonly nextAttemptAt: number }
  /** The receiver is gone (410): the webhook is disabled and all its pending deliveries canceled. */
  | { readonly status: 'canceled'; readonly disableReason: string };
