/** A new lane may send this many at once until its endpoint has shown that it answers. */
const FIRST_SLOTS = 2;

/** A lane that has completed something this lately is moving. */
const MOVING_MS = 250;

/** A lane with requests in flight of which none has ended for this long may be hanging. */
const SUSPECT_MS = 1_000;

/**
 * How many requests at a time a lane may have in flight, and whether its endpoint answers them.
 *
 * Slots are earned: a lane starts with two, wins one with each answer while more waits, up to the
 * limit, loses one whenever it sends a single one, and half with each timeout. So a lane
 * has as many as it needs when its endpoint begins to hang, and comes down to one.
 */
export class EarnedSlots {
  #limit: number;
  #earned: number;
  #inFlight = 0;
  #lastCompletedAt = 0;
  /** When something ended last, or was sent while nothing was in flight. */
  #progressAt = 0;
  #timedOut = false;

  constructor(limit: number) {
    this.#limit = limit;
    this.#earned = Math.min(FIRST_SLOTS, limit);
  }

  get earned(): number {
    return this.#earned;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** What is in flight beyond a lower limit ends; nothing more begins until then. */
  limitTo(limit: number): void {
    this.#limit = limit;
    this.#earned = Math.min(this.#earned, limit);
  }

  /** One is sent. */
  take(now: number, moreWaits: boolean): void {
    if (this.#inFlight === 0) {
      this.#progressAt = now;
      if (!moreWaits && this.#earned > FIRST_SLOTS) this.#earned -= 1;
    }
    this.#inFlight += 1;
  }

  /** One has ended. */
  giveBack(timedOut: boolean, now: number, moreWaits: boolean): void {
    this.#inFlight -= 1;
    this.#progressAt = now;
    this.#timedOut = timedOut;
    if (timedOut) {
      this.#earned = Math.max(1, this.#earned >> 1);
    } else {
      this.#lastCompletedAt = now;
      if (moreWaits) this.#earned = Math.min(this.#limit, this.#earned + 1);
    }
  }

  /** They are to be earned anew. */
  beginAnew(): void {
    this.#earned = Math.min(this.#earned, FIRST_SLOTS);
  }

  /** Whether it may be hanging: its last attempt got no answer in time, or none comes now. */
  isSuspect(now: number): boolean {
    return this.#timedOut || (this.#inFlight > 0 && now - this.#progressAt > SUSPECT_MS);
  }

  isMoving(now: number): boolean {
    return now - this.#lastCompletedAt < MOVING_MS;
  }
}
