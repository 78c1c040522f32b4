import type { Clock } from '../../src/engine/clock.ts';
import { waitFor } from '../e2e/wait-for.ts';

/** A clock that only the test moves. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const timer of this.#timers) {
      if (timer.at > this.#now) continue;
      this.#timers.delete(timer);
      timer.run();
    }
  }

  /** Lets a loop that sleeps do one round; resolves when it sleeps again. */
  async round(ms: number): Promise<void> {
    this.advance(ms);
    await waitFor('the loop sleeps again', () => this.#timers.size > 0);
  }
}
