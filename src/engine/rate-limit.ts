import { pacedAfter, pacedLater, paceOf, paceWaitMs, type Pace } from '../domain/pace.ts';
import { Fifo } from './fifo.ts';

/** Where a request waits for leave to go out. */
export interface Gate {
  /** @param write sends it; false where there is nothing to be sent any more */
  pass(write: () => boolean): void;
}

/**
 * A webhook's rate limit, kept twice. Deliveries are taken up at its pace, so that none waits in a slot that
 * others could use. And requests leave at its pace: between the two lies what a connection takes to be made,
 * on a busy event loop 131 ms were seen, and with it the receiver would get 12 in a second where 11 are allowed.
 */
export class RateLimit implements Gate {
  #taking: Pace;
  #leaving: Pace;
  #timer: NodeJS.Timeout | undefined;
  readonly #held = new Fifo<{ readonly write: () => boolean; readonly since: number }>();

  /** @param since milliseconds since 1970; who else may have sent until then is not known */
  constructor(perSecond: number, since: number) {
    this.#taking = paceOf(perSecond, since);
    this.#leaving = paceOf(perSecond, Number.NEGATIVE_INFINITY);
  }

  /** From now on this is the limit; its first gap is counted from now. */
  restart(perSecond: number, now: number): void {
    this.#taking = paceOf(perSecond, now);
    this.#leaving = paceOf(perSecond, performance.now());
  }

  /** How long until the next delivery may be taken up; 0: now. */
  waitMs(now: number): number {
    return paceWaitMs(this.#taking, now);
  }

  /** One was taken up. */
  taken(now: number): void {
    this.#taking = pacedAfter(this.#taking, now);
  }

  pass(write: () => boolean): void {
    this.#held.push({ write, since: performance.now() });
    if (this.#timer === undefined) this.#letGo();
  }

  /** After a look at the network: a kept connection may have been closed while its request waited. */
  #timeIsUp(): void {
    this.#timer = undefined;
    this.#letGo();
  }

  #letGo(): void {
    while (this.#held.length > 0) {
      const now = performance.now();
      const wait = paceWaitMs(this.#leaving, now);
      if (wait > 0) {
        this.#timer = setTimeout(() => setImmediate(() => this.#timeIsUp()), wait);
        return;
      }
      const next = this.#held.shift();
      if (!next?.write()) continue;
      this.#leaving = pacedAfter(this.#leaving, now);
      // Else each one after a late one would wait here as long, in a slot, and its attempt look as slow.
      if (this.#held.length > 0) continue;
      this.#taking = pacedLater(this.#taking, now - next.since, Date.now());
    }
  }
}
