import type { Window } from './stores/bench-store.ts';

/** What a receiver saw of a load, for those that have no record of when a delivery ended. */
export interface Delivered {
  /** Deliveries a second in the window. */
  readonly inWindow: number;
  /** From the window's start to the last delivery of all, so with what had to wait for the load's end. */
  readonly untilLast: number;
  /** The share of what was accepted by the window's end that was not delivered then. */
  readonly waiting: number;
  /** From the window's end to the last delivery. */
  readonly drainMs: number;
}

/**
 * @param receivedAt when each event first came; 0: never
 * @param window on the same clock
 */
export function deliveredIn(
  receivedAt: Iterable<number>,
  { from, to }: Window,
  acceptedByEnd: number,
): Delivered {
  let [before, within, after, last] = [0, 0, 0, from];
  for (const at of receivedAt) {
    if (at === 0) continue;
    if (at < from) before += 1;
    else if (at < to) within += 1;
    else after += 1;
    last = Math.max(last, at);
  }
  return {
    inWindow: (within / (to - from)) * 1_000,
    untilLast: last > from ? ((within + after) / (last - from)) * 1_000 : 0,
    // An event may be delivered before its answer has come.
    waiting: Math.max(0, acceptedByEnd - before - within) / acceptedByEnd,
    drainMs: Math.max(0, last - to),
  };
}
