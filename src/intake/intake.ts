import type { NewEvent } from '../domain/event.ts';
import type { EventId } from '../domain/ids.ts';

/** What a caller is told of one accepted event. */
export interface Acceptance {
  readonly id: EventId;
  /** How many webhooks matched it. */
  readonly deliveries: number;
  /** The caller's event id was there before; `id` and `deliveries` are those of that event. */
  readonly duplicate: boolean;
}

/** The one door for events, from whatever source. */
export interface Intake {
  /**
   * Resolves, in the order given, once every event and its deliveries are on disk.
   * Rejects with a `PosthornError` (`unavailable`, `overloaded`) where that cannot be promised.
   */
  accept(events: readonly NewEvent[]): Promise<readonly Acceptance[]>;
}
