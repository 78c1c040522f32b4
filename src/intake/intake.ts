import type { PosthornError } from '../domain/errors.ts';
import type { NewEvent } from '../domain/event.ts';
import type { EventId } from '../domain/ids.ts';

/** An event that is on disk with its deliveries. */
export interface Accepted {
  readonly id: EventId;
  /** How many webhooks matched it. */
  readonly deliveries: number;
  /** The caller's event id was there before; `id` and `deliveries` are those of that event. */
  readonly duplicate: boolean;
}

/** It is not stored, and why: `unavailable`, `overloaded`, or it is at fault itself. */
export interface NotAccepted {
  readonly refusal: PosthornError;
}

/** What a caller is told of one event. */
export type Acceptance = Accepted | NotAccepted;

/** The one door for events, from whatever source. */
export interface Intake {
  /**
   * Resolves, in the order given, once every event and its deliveries are on disk, or will not be.
   * Some may be accepted where others are not: what is accepted stays so.
   */
  accept(events: readonly NewEvent[]): Promise<readonly Acceptance[]>;
}
