import type { PendingDelivery } from '../domain/delivery.ts';
import type { EventId } from '../domain/ids.ts';
import { Fifo } from './fifo.ts';
import type { Holding, Memory } from './memory.ts';

/**
 * What a lane has in memory, within its share of what all may have. A delivery is *held* from the
 * moment it is taken in until its attempt is recorded: it waits first, then it is in flight.
 */
export class HeldDeliveries implements Holding {
  readonly #memory: Memory;
  readonly #held = new Set<EventId>();
  /** Ordering keys of what is held: the next one of each has to wait. */
  readonly #keys = new Set<string>();
  readonly #waiting = new Fifo<PendingDelivery>();
  #size = 0;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  get rows(): number {
    return this.#held.size;
  }

  get size(): number {
    return this.#size;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** How many more the lane's share of the memory allows. */
  get room(): number {
    return this.#memory.roomFor(this);
  }

  get eventIds(): EventId[] {
    return [...this.#held];
  }

  get orderingKeys(): string[] {
    return [...this.#keys];
  }

  has(eventId: EventId): boolean {
    return this.#held.has(eventId);
  }

  /** @param first whether it goes before all that wait */
  add(delivery: PendingDelivery, first = false): void {
    this.#held.add(delivery.eventId);
    if (delivery.orderingKey !== undefined) this.#keys.add(delivery.orderingKey);
    if (first) this.#waiting.unshift(delivery);
    else this.#waiting.push(delivery);
    this.#size += delivery.body.length;
    this.#memory.take(delivery.body.length);
  }

  /** The first one that waits, which is held on. */
  next(): PendingDelivery | undefined {
    return this.#waiting.shift();
  }

  /** @returns whether it was held */
  release(delivery: PendingDelivery): boolean {
    if (!this.#held.delete(delivery.eventId)) return false;
    if (delivery.orderingKey !== undefined) this.#keys.delete(delivery.orderingKey);
    this.#size -= delivery.body.length;
    this.#memory.give(delivery.body.length);
    return true;
  }

  /** Takes all but the first `keep` out of what waits; to be released. */
  cutTo(keep: number): PendingDelivery[] {
    return this.#waiting.cutTo(keep);
  }
}
