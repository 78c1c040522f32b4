import type { Lane } from './lane.ts';

/** An account may hold so many times what is still free: three quarters where it is alone. */
const ACCOUNT_SHARE = 3;

/**
 * The requests that may be in flight in all, and who may have the next one. What hangs must leave
 * room for what does not, and it shows only with time: so shares are of what is still free, which
 * leaves some to whoever comes (as in `Memory`), and lanes that are suspected to hang have half of
 * all, together.
 */
export class Slots {
  readonly #total: number;
  readonly #byAccount = new Map<number, number>();
  /** Lanes with something in flight: as many as there are slots at most. */
  readonly #busy = new Set<Lane>();
  #taken = 0;
  #suspected = 0;

  constructor(total: number) {
    this.#total = total;
  }

  get taken(): number {
    return this.#taken;
  }

  get free(): number {
    return this.#total - this.#taken;
  }

  /** For an attempt of this lane, which is in flight from now on. */
  take(lane: Lane, suspect: boolean): void {
    const { accountId } = lane.webhook;
    this.#taken += 1;
    this.#byAccount.set(accountId, this.#ofAccount(accountId) + 1);
    this.#busy.add(lane);
    if (suspect) this.#suspected += 1;
  }

  giveBack(lane: Lane): void {
    const { accountId } = lane.webhook;
    this.#taken -= 1;
    const left = this.#ofAccount(accountId) - 1;
    if (left > 0) this.#byAccount.set(accountId, left);
    else this.#byAccount.delete(accountId);
    if (lane.inFlight === 0) this.#busy.delete(lane);
  }

  accountMayHaveOne(accountId: number): boolean {
    return this.#ofAccount(accountId) < ACCOUNT_SHARE * this.free;
  }

  laneMayHaveOne(lane: Lane): boolean {
    return lane.inFlight < this.free;
  }

  /** Up to date after `countSuspected`, and as long as nothing ends. */
  get suspectsMayHaveOne(): boolean {
    return this.#suspected < Math.ceil(this.#total / 2);
  }

  /** Whom time makes suspected is found by looking: at as many lanes as there are slots, at most. */
  countSuspected(now: number): void {
    this.#suspected = 0;
    for (const lane of this.#busy) if (lane.isSuspect(now)) this.#suspected += lane.inFlight;
  }

  #ofAccount(accountId: number): number {
    return this.#byAccount.get(accountId) ?? 0;
  }
}
