import { Fifo } from './fifo.ts';
import type { Lane } from './lane.ts';

/**
 * Whose turn it is: accounts with lanes that wait take turns, and in an account its lanes. So an
 * account with 10,000 webhooks starves no other.
 */
export class Turns {
  readonly #accounts = new Fifo<number>();
  readonly #lanes = new Map<number, Fifo<Lane>>();
  /** Those that really wait: the place of one that was taken out is passed over when it comes. */
  readonly #waiting = new Set<Lane>();

  /** How many lanes wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Puts a lane at the end of its account's queue, unless it waits already. */
  add(lane: Lane): void {
    if (this.#waiting.has(lane)) return;
    this.#waiting.add(lane);
    const { accountId } = lane.webhook;
    const known = this.#lanes.get(accountId);
    if (known) {
      known.push(lane);
      return;
    }
    const lanes = new Fifo<Lane>();
    lanes.push(lane);
    this.#lanes.set(accountId, lanes);
    this.#accounts.push(accountId);
  }

  remove(lane: Lane): void {
    this.#waiting.delete(lane);
  }

  /**
   * Takes the lane whose turn it is out of the queue.
   * @param mayGo accounts that it says no to keep their place; undefined where no other is left
   */
  next(mayGo: (accountId: number) => boolean = () => true): Lane | undefined {
    let refused = 0;
    while (refused < this.#accounts.length) {
      const accountId = this.#accounts.shift();
      const lanes = accountId === undefined ? undefined : this.#lanes.get(accountId);
      if (accountId === undefined || lanes === undefined) return undefined;
      if (!mayGo(accountId)) {
        this.#accounts.push(accountId);
        refused += 1;
        continue;
      }
      const lane = lanes.shift();
      if (lanes.length > 0) this.#accounts.push(accountId);
      else this.#lanes.delete(accountId);
      if (lane && this.#waiting.delete(lane)) return lane;
    }
    return undefined;
  }
}
