/** Time that never steps back. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  /** @returns what takes it back */
  after(ms: number, run: () => void): () => void;
}

export const MONOTONIC_CLOCK: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
