import { Fifo } from './fifo.ts';
import type { Lane } from './lane.ts';

/**
 * Whose turn it is: accounts with lanes that could send take turns, and in an account its lanes.
 * So an account with 10,000 webhooks starves no other.
 */
export class Turns {
  readonly #accounts = new Fifo<number>();
  readonly #lanes = new Map<number, Fifo<Lane>>();
  #size = 0;

  /** How many lanes stand in the queue. */
  get size(): number {
    return this.#size;
  }

  /** Puts a lane that can send at the end of its account's queue, unless it stands there. */
  add(lane: Lane): void {
    if (lane.queued) return;
    lane.queued = true;
    this.#size += 1;
    const accountId = lane.webhook.accountId;
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

  /** Takes the lane whose turn it is out of the queue. */
  next(): Lane | undefined {
    const accountId = this.#accounts.shift();
    if (accountId === undefined) return undefined;
    const lanes = this.#lanes.get(accountId);
    const lane = lanes?.shift();
    if (lanes && lanes.length > 0) this.#accounts.push(accountId);
    else this.#lanes.delete(accountId);
    if (lane) {
      lane.queued = false;
      this.#size -= 1;
    }
    return lane;
  }
}
