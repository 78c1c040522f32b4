import type { Window } from './stores/bench-store.ts';

/** What a receiver saw of a load, for those that have no record of when a delivery ended. */
export interface Delivered {
  /** Deliveries a second in the window. */
  readonly inWindow: number;
  /**
   * Deliveries a second if it took no more than it delivers: the pace at which the work left at the
   * end was done, when there was nothing to accept, is worth something too. As much of the time as it
   * takes goes to that: with `accepted` and `delivered` a second under load and `drained` a second
   * after it, in a share `s` of the time `s * accepted = s * delivered + (1 - s) * drained`.
   */
  readonly balanced: number;
  /** The share of what was accepted by the window's end that was not delivered then. */
  readonly waiting: number;
  /** From the window's end to the last delivery. */
  readonly drainMs: number;
}

/** How many events were accepted. */
export interface Accepted {
  readonly acceptedInWindow: number;
  readonly acceptedByEnd: number;
}

/**
 * @param receivedAt when each event first came; 0: never
 * @param window on the same clock
 */
export function deliveredIn(
  receivedAt: Iterable<number>,
  { from, to }: Window,
  { acceptedInWindow, acceptedByEnd }: Accepted,
): Delivered {
  let [before, within, after, last] = [0, 0, 0, to];
  for (const at of receivedAt) {
    if (at === 0) continue;
    if (at < from) before += 1;
    else if (at < to) within += 1;
    else after += 1;
    last = Math.max(last, at);
  }
  const inWindow = (within / (to - from)) * 1_000;
  const accepted = (acceptedInWindow / (to - from)) * 1_000;
  const drainMs = last - to;
  const drained = (after / drainMs) * 1_000;
  return {
    inWindow,
    balanced:
      accepted > inWindow && drainMs > 0
        ? (accepted * drained) / (drained + accepted - inWindow)
        : inWindow,
    // An event may be delivered before its answer has come.
    waiting: Math.max(0, acceptedByEnd - before - within) / acceptedByEnd,
    drainMs,
  };
}
