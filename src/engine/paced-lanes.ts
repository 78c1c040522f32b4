import type { Lane } from './lane.ts';

/** Lanes that only their rate limit keeps from sending, each until its next request may go. */
export class PacedLanes {
  readonly #timers = new Map<Lane, NodeJS.Timeout>();
  readonly #free: (lane: Lane) => void;

  constructor(free: (lane: Lane) => void) {
    this.#free = free;
  }

  wait(lane: Lane, ms: number): void {
    if (this.#timers.has(lane)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(lane);
      this.#free(lane);
    }, Math.ceil(ms));
    this.#timers.set(lane, timer);
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
