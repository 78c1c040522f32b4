import type { PendingDelivery } from '../domain/delivery.ts';
import type { EventId } from '../domain/ids.ts';
import type { Webhook } from '../domain/webhook.ts';
import { isStopped } from '../domain/webhook-status.ts';
import { EarnedSlots } from './earned-slots.ts';
import { HeldDeliveries } from './held-deliveries.ts';
import { LaneBreaker } from './lane-breaker.ts';
import type { Memory } from './memory.ts';
import { RateLimit, type Gate } from './rate-limit.ts';

/**
 * A lane holds at most this many deliveries in memory for each of its slots. Of 16 lists of 100 events at a
 * time none has to be read back so; with 16 for each slot a part had, and 8 % fewer events went through.
 */
const HELD_PER_SLOT = 64;

/**
 * Nor does it read more than this many at once for each slot: the next page comes while they are sent. And
 * while it reads it takes in no more fresh ones than that, which go before the page.
 */
const READ_PER_SLOT = 16;

/** Below this many waiting for each slot a lane reads more from the store. */
const LOW_WATER_PER_SLOT = 4;

/** What a lane reads next: what a person retried, what is due, or of each lead the one whose turn it is. */
export type LanePage =
  | { readonly retried: readonly EventId[] }
  | { readonly limit: number; readonly except: readonly EventId[] }
  | {
      readonly limit: number;
      readonly exceptKeys: readonly string[];
      readonly after: string | null;
    };

/**
 * One webhook's deliveries in this process: those in memory, those in flight, and when the store
 * next has one due that is not in memory (`dueOnDisk`). Every pending delivery is a row of the
 * store; memory only saves reading it back. What is held (see `HeldDeliveries`) is not taken in again.
 */
export class Lane {
  #webhook: Webhook;
  readonly breaker = new LaneBreaker();
  /** When the store next has a delivery due that is not in memory; Infinity: never. */
  dueOnDisk = Number.POSITIVE_INFINITY;
  reading = false;
  /** Whether this process owns its shard: if not, what is in flight ends, and nothing else begins. */
  owned = true;
  readonly #maxSlots: number;
  readonly #slots: EarnedSlots;
  readonly #held: HeldDeliveries;
  #lastUsedAt = Date.now();
  #rateLimit: RateLimit | undefined;
  /** What a person has retried, and is to be read before all else. */
  #asked: EventId[] = [];
  /** So many at the head of what waits a person has retried: they wait for nobody, and for no probe. */
  #retried = 0;
  /** After which ordering key the next page begins, so that all of them take turns. */
  #after: string | null = null;
  /** Deliveries let go of while a page was being read: the page may show them as pending still. */
  #releasedWhileReading: Set<EventId> | undefined;
  /** Whether the lane was closed while a page was being read. */
  #pageIsStale = false;

  /** @param ownedSince milliseconds since 1970; another process may have sent until then */
  constructor(webhook: Webhook, maxSlots: number, memory: Memory, ownedSince = 0) {
    this.#webhook = webhook;
    this.#maxSlots = maxSlots;
    this.#slots = new EarnedSlots(this.#slotLimit);
    this.#held = new HeldDeliveries(memory);
    if (webhook.rateLimit !== null) this.#rateLimit = new RateLimit(webhook.rateLimit, ownedSince);
  }

  get webhook(): Webhook {
    return this.#webhook;
  }

  /** What is in flight beyond a lower limit of concurrency ends; nothing more begins until then. */
  set webhook(webhook: Webhook) {
    const { rateLimit, ordering, url } = this.#webhook;
    this.#webhook = webhook;
    if (webhook.url !== url) this.breaker.moved(Date.now());
    if (isStopped(webhook)) this.breaker.reset();
    this.#slots.limitTo(this.#slotLimit);
    if (webhook.rateLimit !== rateLimit) this.startPace(Date.now());
    if (webhook.ordering === ordering) return;
    // What is in memory, or is being read, was chosen by the other rule.
    this.#shed(0);
    this.#pageIsStale ||= this.reading;
  }

  /** Counts the first gap from now on: until now another process may have sent. */
  startPace(now: number): void {
    const { rateLimit } = this.#webhook;
    if (rateLimit === null) this.#rateLimit = undefined;
    else if (this.#rateLimit) this.#rateLimit.restart(rateLimit, now);
    else this.#rateLimit = new RateLimit(rateLimit, now);
  }

  /** What its requests pass on their way out; undefined without a rate limit. */
  get gate(): Gate | undefined {
    return this.#rateLimit;
  }

  /** Whether each lead's events go one after another: then nothing is sent that was not read for it. */
  get inOrder(): boolean {
    return this.#webhook.ordering !== 'none';
  }

  /** How many requests at a time it has earned. */
  get slots(): number {
    return this.#slots.earned;
  }

  get inFlight(): number {
    return this.#slots.inFlight;
  }

  /** Deliveries held. */
  get rows(): number {
    return this.#held.rows;
  }

  /** Characters of their bodies. */
  get size(): number {
    return this.#held.size;
  }

  get waiting(): number {
    return this.#held.waiting;
  }

  get active(): boolean {
    return this.owned && this.#webhook.status === 'active';
  }

  get runnable(): boolean {
    return this.sendableInMs === 0;
  }

  /**
   * When it can send next: 0: now; Infinity: that is not a matter of time. By one look at the clock: what
   * a lane waits for must not come to pass between a first answer and a second one.
   */
  get sendableInMs(): number {
    if (!this.#mayRun) return Number.POSITIVE_INFINITY;
    return this.#rateLimit === undefined && !this.breaker.isOpen ? 0 : this.#waitMs(Date.now());
  }

  /** When it has something to read from the store: with an open breaker not before its next probe. */
  get readAt(): number {
    if (this.#asked.length > 0) return 0;
    if (!this.breaker.isOpen) return this.dueOnDisk;
    const now = Date.now();
    const wait = this.breaker.waitMs(now);
    return wait === 0 ? this.dueOnDisk : Math.max(this.dueOnDisk, now + wait);
  }

  /** Nothing in memory, in flight, or known to be due. */
  get idle(): boolean {
    return this.rows === 0 && !this.reading && this.dueOnDisk === Number.POSITIVE_INFINITY;
  }

  /** How many more deliveries it is worth holding. */
  get room(): number {
    const wanted = this.breaker.isOpen ? 1 - this.waiting : this.slots * HELD_PER_SLOT - this.rows;
    return Math.max(0, Math.min(wanted, this.#held.room));
  }

  /** Whether it would read from the store, if something there is due. */
  get hungry(): boolean {
    if (this.#asked.length > 0) return this.active && !this.reading;
    return (
      this.active &&
      !this.reading &&
      this.waiting < this.slots * LOW_WATER_PER_SLOT &&
      this.room > 0 &&
      (!this.breaker.isOpen || this.breaker.waitMs(Date.now()) === 0)
    );
  }

  /** Whether it has been without work for so long that it is not worth keeping. */
  isForgettable(now: number, afterMs: number): boolean {
    return now - this.#lastUsedAt > afterMs;
  }

  /** Whether it may be hanging: its last attempt got no answer in time, or none comes now. */
  isSuspect(now: number): boolean {
    return this.#slots.isSuspect(now);
  }

  /** Not with a rate limit: what waits for that waits for nobody here. */
  isMoving(now: number): boolean {
    return this.#rateLimit === undefined && this.#slots.isMoving(now);
  }

  /**
   * Takes in a delivery fresh from its commit; or leaves it to the store, where there is no room
   * or older ones are waiting there: fresh ones must not overtake those for ever.
   */
  offer(delivery: PendingDelivery, now: number): void {
    // A page of the store that was read meanwhile may have brought it already.
    if (this.#held.has(delivery.eventId)) return;
    const behind = this.dueOnDisk <= now && !this.reading;
    // Another node may have accepted, and answered, an earlier event of the same lead.
    const full = this.room === 0 || (this.reading && this.rows >= this.#pageLimit);
    if (behind || this.inOrder || full) this.leftOnDisk(delivery.nextAttemptAt);
    else this.#held.add(delivery);
  }

  /** The next delivery to send; it stays held until `release`. */
  take(now: number): PendingDelivery | undefined {
    const delivery = this.#held.next();
    if (!delivery) return undefined;
    this.#slots.take(now, this.waiting > 0);
    if (this.#retried > 0) this.#retried -= 1;
    else this.breaker.sent(delivery);
    this.#rateLimit?.taken(Date.now());
    return delivery;
  }

  /** An attempt has ended: its slot is free again. */
  completed(timedOut: boolean, now: number): void {
    this.#lastUsedAt = now;
    this.#slots.giveBack(timedOut, now, this.waiting > 0);
    if (timedOut) this.#shed(this.slots * HELD_PER_SLOT);
  }

  /** Its breaker has opened: what waits is left to the store, but for a probe; slots are earned anew. */
  opened(): void {
    this.#slots.beginAnew();
    this.#shed(Math.max(1, this.#retried));
  }

  /** The store has this one, which a person wants to be sent now. */
  ask(eventId: EventId): void {
    this.#asked.push(eventId);
  }

  /** The store has a delivery, not held here, that is due at `at`. */
  leftOnDisk(at: number): void {
    if (at < this.dueOnDisk) this.dueOnDisk = at;
  }

  /** A delivery's attempt is recorded or given up on: memory lets go of it. */
  release(delivery: PendingDelivery): void {
    if (this.#held.release(delivery)) this.#releasedWhileReading?.add(delivery.eventId);
  }

  /** Drops all that waits from memory: the webhook is not active any more, or not ours. */
  close(): void {
    this.#shed(0);
    this.#asked = [];
    this.dueOnDisk = Number.POSITIVE_INFINITY;
    this.#pageIsStale = this.reading;
  }

  /** @returns how many rows to ask for, and which not: what is held is pending too */
  beginReading(): LanePage {
    this.reading = true;
    this.#releasedWhileReading = new Set();
    if (this.#asked.length > 0) return { retried: this.#asked.splice(0) };
    this.dueOnDisk = Number.POSITIVE_INFINITY;
    const limit = Math.min(this.room, this.#pageLimit);
    return this.inOrder
      ? { limit, exceptKeys: this.#held.orderingKeys, after: this.#after }
      : { limit, except: this.#held.eventIds };
  }

  /** @param nextDue when the store has the next one due beyond the page that was read */
  endReading(page: readonly PendingDelivery[], nextDue: number): void {
    const fresh = this.#endReading(page);
    if (!fresh) return;
    for (const delivery of fresh) this.#held.add(delivery);
    this.#after = page.at(-1)?.orderingKey ?? null;
    this.leftOnDisk(nextDue);
  }

  endReadingRetried(page: readonly PendingDelivery[]): void {
    for (const delivery of this.#endReading(page)?.toReversed() ?? []) {
      this.#held.add(delivery, true);
      this.#retried += 1;
    }
  }

  /** @returns what of the page is new here; undefined where it is worth nothing any more */
  #endReading(page: readonly PendingDelivery[]): PendingDelivery[] | undefined {
    const released = this.#releasedWhileReading;
    const stale = this.#pageIsStale;
    this.reading = false;
    this.#releasedWhileReading = undefined;
    this.#pageIsStale = false;
    if (!this.active) return undefined;
    if (!stale) {
      return page.filter(({ eventId }) => !this.#held.has(eventId) && !released?.has(eventId));
    }
    // Closed and opened again meanwhile: who owned it in between may have sent what the page shows.
    this.leftOnDisk(0);
    return undefined;
  }

  get #mayRun(): boolean {
    return this.waiting > 0 && this.inFlight < this.slots && this.active;
  }

  #waitMs(now: number): number {
    const paced = this.#rateLimit?.waitMs(now) ?? 0;
    return this.breaker.isOpen && this.#retried === 0
      ? Math.max(paced, this.breaker.waitMs(now))
      : paced;
  }

  get #pageLimit(): number {
    return this.slots * READ_PER_SLOT;
  }

  get #slotLimit(): number {
    return Math.min(this.#maxSlots, this.#webhook.concurrency ?? this.#maxSlots);
  }

  #shed(keep: number): void {
    for (const delivery of this.#held.cutTo(keep)) {
      this.release(delivery);
      this.leftOnDisk(delivery.nextAttemptAt);
    }
    this.#retried = Math.min(this.#retried, this.waiting);
  }
}
