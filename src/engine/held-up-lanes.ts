import type { Lane } from './lane.ts';

/** Lanes that only their rate limit or their breaker keeps from sending, each until its next request may go. */
export class HeldUpLanes {
  readonly #timers = new Map<Lane, { readonly timer: NodeJS.Timeout; readonly at: number }>();
  readonly #free: (lane: Lane) => void;

  constructor(free: (lane: Lane) => void) {
    this.#free = free;
  }

  wait(lane: Lane, ms: number): void {
    const at = performance.now() + ms;
    const waiting = this.#timers.get(lane);
    // A timer a little early looks again; one that is late would hold it up.
    if (waiting && waiting.at <= at + 1) return;
    clearTimeout(waiting?.timer);
    const timer = setTimeout(() => {
      this.#timers.delete(lane);
      this.#free(lane);
    }, Math.ceil(ms));
    this.#timers.set(lane, { timer, at });
  }

  stop(): void {
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
