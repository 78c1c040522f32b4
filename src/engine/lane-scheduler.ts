import type { DueReads } from './due-reads.ts';
import { HeldUpLanes } from './held-up-lanes.ts';
import type { Lane } from './lane.ts';
import type { Slots } from './slots.ts';
import { Turns } from './turns.ts';

export interface LaneSchedulerParts {
  readonly slots: Slots;
  readonly dueReads: Pick<DueReads, 'consider'>;
  /** Whether anything may be sent at this moment; that a slot is free is seen to here. */
  readonly maySend: () => boolean;
  /** Sends the next delivery of a lane, and takes a slot for it. */
  readonly send: (lane: Lane, now: number, suspect: boolean) => void;
}

/** Lets lanes send as slots become free: in turns, and those that may be hanging by themselves. */
export class LaneScheduler {
  readonly #parts: LaneSchedulerParts;
  readonly #turns = new Turns();
  /** Lanes that may be hanging wait by themselves. */
  readonly #suspects = new Turns();
  readonly #accountMayGo = (accountId: number): boolean =>
    this.#parts.slots.accountMayHaveOne(accountId);
  readonly #heldUp = new HeldUpLanes((lane) => {
    this.enqueue(lane);
    this.pump();
  });
  #pumping = false;
  #stopped = true;

  constructor(parts: LaneSchedulerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#stopped = false;
  }

  /** Nobody who is held up is waited for any more. */
  stop(): void {
    this.#stopped = true;
    this.#heldUp.stop();
  }

  /** To be called when a lane may have become able to send. */
  enqueue(lane: Lane, now = Date.now()): void {
    const wait = lane.sendableInMs;
    if (wait > 0) {
      if (wait < Number.POSITIVE_INFINITY && !this.#stopped) this.#heldUp.wait(lane, wait);
      return;
    }
    const [here, there] = lane.isSuspect(now)
      ? [this.#suspects, this.#turns]
      : [this.#turns, this.#suspects];
    there.remove(lane);
    here.add(lane);
  }

  /** Sends as long as there are free slots and a lane whose turn it is. */
  pump(): void {
    // What cannot be sent at all ends before `send` returns: the round that is under way goes on.
    if (this.#pumping || this.#turns.size + this.#suspects.size === 0) return;
    this.#pumping = true;
    try {
      const now = Date.now();
      this.#pumpSuspects(now);
      this.#pumpFrom(this.#turns, now);
      // Those of whom it showed only now.
      this.#pumpSuspects(now);
    } finally {
      this.#pumping = false;
    }
  }

  #pumpSuspects(now: number): void {
    if (this.#suspects.size === 0) return;
    this.#parts.slots.countSuspected(now);
    this.#pumpFrom(this.#suspects, now);
  }

  #pumpFrom(turns: Turns, now: number): void {
    const { slots, dueReads, maySend, send } = this.#parts;
    let passedOver = 0;
    while (turns.size > passedOver && slots.free > 0 && maySend()) {
      if (turns === this.#suspects && !slots.suspectsMayHaveOne) return;
      const lane = turns.next(this.#accountMayGo);
      if (!lane) return;
      if (!lane.runnable) {
        this.enqueue(lane, now);
        continue;
      }
      const suspect = lane.isSuspect(now);
      // It became one while it waited: it goes where those wait.
      if (suspect && turns === this.#turns) {
        this.enqueue(lane, now);
        continue;
      }
      if (slots.laneMayHaveOne(lane)) {
        send(lane, now, suspect);
        passedOver = 0;
      } else {
        passedOver += 1;
      }
      this.enqueue(lane, now);
      dueReads.consider(lane);
    }
  }
}
