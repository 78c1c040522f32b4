import type { DeliveryKey, EventId } from '../domain/ids.ts';
import type { NewRedo, Redo } from '../domain/redo.ts';
import type { WebhookStatus } from '../domain/webhook.ts';

/** The webhook's state does not allow it: nothing was changed. */
export interface Stopped {
  readonly kind: 'stopped';
  readonly status: WebhookStatus;
}

export type RetryResult = { readonly kind: 'put_back' } | { readonly kind: 'pending' } | Stopped;

export type CreateRedoResult = { readonly kind: 'created'; readonly redo: Redo } | Stopped;

/** What counting looks at: a redo that was asked for, or (id null) what one would be about now. */
export interface RedoSet extends NewRedo {
  readonly id: number | null;
}

/** One step of counting. */
export interface CountStep {
  readonly count: number;
  /** Where the next step goes on; null: there is nothing after it. */
  readonly last: EventId | null;
}

/** One step of a redo. */
export interface RedoStep {
  readonly putBack: number;
  readonly ended: boolean;
}

/**
 * Putting back what has ended, and making what was missed. A redo goes in steps: each is one transaction
 * that moves the redo's cursor with the rows, so none is put back twice, whoever does it and whatever
 * dies in between. Of a webhook's redos one goes on at a time, the oldest.
 */
export interface RedoStore {
  /**
   * Puts one ended delivery back to pending, due now, for one attempt more. Undefined where the account
   * has no such delivery.
   */
  retryDelivery(accountId: number, key: DeliveryKey): Promise<RetryResult | undefined>;
  /**
   * Notes a redo. It is about exactly those deliveries that have ended by then, or those events that were
   * matched by then: without regard to clocks. Undefined where the account has no such webhook.
   */
  createRedo(redo: NewRedo): Promise<CreateRedoResult | undefined>;
  /** Counts on after an event, looking at about `limit` rows. */
  countRedo(set: RedoSet, after: EventId | null, limit: number): Promise<CountStep>;
  /** Its count is known: its steps may begin. The count that stands, which is the first one given. */
  startRedo(id: number, count: number): Promise<number>;
  /**
   * Puts back as many as may be due at once; see `mostDue`. Ends it where none is left, or the webhook
   * was stopped.
   */
  stepRedo(redo: Pick<Redo, 'id' | 'webhookId'>, slots?: number): Promise<RedoStep>;
  /** Of each webhook of these shards the oldest redo that has not ended. */
  unfinishedRedos(shards: readonly number[]): Promise<readonly Redo[]>;
  redo(accountId: number, id: number): Promise<Redo | undefined>;
}
