import type { EndedStatus } from './delivery.ts';
import type { WebhookPolicy } from './webhook-policy.ts';

/** Putting ended deliveries back, or making those that were missed. */
export const REDO_KINDS = ['replay', 'backfill'] as const;
export type RedoKind = (typeof REDO_KINDS)[number];

export const REDO_STATUSES = ['running', 'done', 'canceled'] as const;
/** `canceled`: its webhook was disabled or deleted before all was put back. */
export type RedoStatus = (typeof REDO_STATUSES)[number];

/** What a person asks for: of one webhook, the events accepted in a range of time. */
export interface NewRedo {
  readonly accountId: number;
  readonly webhookId: number;
  readonly kind: RedoKind;
  /** Milliseconds since 1970, inclusive. */
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** Of a replay: which deliveries. */
  readonly statuses: readonly EndedStatus[];
}

/** Asked for: which deliveries it is about is fixed from then on, whatever happens meanwhile. */
export interface Redo extends NewRedo {
  readonly id: number;
  readonly status: RedoStatus;
  /** How many deliveries it is about; null until they are counted. */
  readonly count: number | null;
  /** How many of them it has put back, or made. */
  readonly done: number;
  readonly createdAt: number;
  readonly endedAt: number | null;
}

/**
 * A redo adds no more while so many deliveries of its webhook are due: what is accepted meanwhile waits
 * behind so many at most. A small redo is done in one step.
 */
const MOST_DUE = 100;

/**
 * How many deliveries of a webhook may be due for a redo to add more: never much more than its endpoint
 * takes in about a second, or in two rounds of requests.
 * @param slots how many requests at a time the webhook has earned; undefined where that is not known
 */
export function mostDue(
  { concurrency, rateLimit }: Pick<WebhookPolicy, 'concurrency' | 'rateLimit'>,
  slots?: number,
): number {
  const none = Number.POSITIVE_INFINITY;
  return Math.min(MOST_DUE, 2 * (slots ?? none), 2 * (concurrency ?? none), rateLimit ?? none);
}
