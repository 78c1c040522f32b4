import type { Attempt, NextStep } from '../domain/attempt.ts';
import type { PendingDelivery } from '../domain/delivery.ts';
import { MOVED_WAIT_MS } from '../domain/retry.ts';
import type { ShardLease } from '../domain/shard.ts';
import type { RecordEnding, Settle } from '../store/commit-queue.ts';
import type { HealthMark } from '../store/health-store.ts';
import type { RecordEntry } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Delivered } from './deliver.ts';
import type { DueReads } from './due-reads.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';

/** After an attempt that the store would not take even without its answer. */
const REFUSED_WAIT_MS = 60_000;

/** Calls back when the attempt is on disk. */
export type RecordsAttempts = (entry: RecordEntry, settle: Settle<RecordEnding>) => void;

export interface AttemptEndingsParts {
  readonly record: RecordsAttempts;
  readonly lanes: Pick<Lanes, 'disownLease' | 'released'>;
  readonly dueReads: Pick<DueReads, 'consider' | 'wake'>;
  /** Called when something was recorded of which operational events are to be made. */
  readonly announced: () => void;
  /** Called each time one attempt fewer is unrecorded. */
  readonly settled: () => void;
  readonly log: Log;
}

/**
 * What becomes of an attempt that has ended: what it says of its webhook's health, its record, and
 * when its delivery, or the next one of its lead, is due.
 */
export class AttemptEndings {
  readonly #parts: AttemptEndingsParts;
  #unrecorded = 0;
  #attemptsEnded = 0;

  constructor(parts: AttemptEndingsParts) {
    this.#parts = parts;
  }

  /** Attempts that have ended and are not on disk yet. */
  get unrecorded(): number {
    return this.#unrecorded;
  }

  /** Since the start. */
  get attemptsEnded(): number {
    return this.#attemptsEnded;
  }

  /** @param lease under which it was sent */
  ended(
    lane: Lane,
    delivery: PendingDelivery,
    lease: ShardLease,
    { attempt, next }: Delivered,
  ): void {
    const mark = this.#judge(lane, delivery, attempt, next);
    this.#unrecorded += 1;
    this.#attemptsEnded += 1;
    const { accountId, eventId, webhookId, webhookVersion, createdAt } = delivery;
    const entry: RecordEntry = {
      accountId,
      eventId,
      webhookId,
      webhookVersion,
      createdAt,
      lease,
      attempt,
      next,
      mark,
    };
    recordOrStrip(entry, this.#parts.record, (ending) => {
      this.#unrecorded -= 1;
      this.#settled(lane, delivery, entry, ending);
      this.#parts.settled();
    });
  }

  /** What the attempt says of its webhook's health; a breaker that it opens or closes does so at once. */
  #judge(
    lane: Lane,
    delivery: PendingDelivery,
    attempt: Attempt,
    next: NextStep,
  ): HealthMark | undefined {
    // Nothing is made for it on the healthy path.
    if (attempt.outcome === 'delivered' && !lane.breaker.isFailing) return undefined;
    const { url } = lane.webhook;
    const mark = lane.breaker.ended(delivery, attempt, next, { url, random: Math.random() });
    if (mark === undefined) return undefined;
    if (mark.announce === 'WEBHOOK_FAILING') lane.opened();
    this.#parts.dueReads.wake(lane.readAt);
    return mark;
  }

  #settled(lane: Lane, delivery: PendingDelivery, entry: RecordEntry, ending: RecordEnding): void {
    lane.release(delivery);
    if (ending === 'recorded' || ending === 'postponed') {
      this.#recorded(lane, delivery, entry, ending === 'recorded' ? entry.next : soon());
    } else {
      this.#notRecorded(lane, delivery, entry, ending);
    }
    this.#parts.lanes.released(lane);
  }

  #recorded(
    lane: Lane,
    delivery: PendingDelivery,
    { attempt, mark }: RecordEntry,
    then: NextStep,
  ): void {
    const { log, announced } = this.#parts;
    log.attemptEnded(delivery, attempt, then);
    if (mark?.announce) log.breakerMoved(lane.webhook, mark.announce);
    if (mark?.announce || then.status === 'exhausted') announced();
    if (then.status === 'pending') this.#dueAgain(lane, then.nextAttemptAt);
    else if (lane.inOrder) this.#nextInOrder(lane);
  }

  #notRecorded(
    lane: Lane,
    delivery: PendingDelivery,
    { attempt, lease }: RecordEntry,
    ending: Exclude<RecordEnding, 'recorded' | 'postponed'>,
  ): void {
    this.#parts.log.attemptNotRecorded(delivery, attempt.number, ending);
    if (ending === 'not_owner') this.#parts.lanes.disownLease(lease);
    // It may be pending still: where the shard has come back meanwhile it is ours again. One that
    // the store will not take is not tried again at once, for ever.
    this.#dueAgain(lane, Date.now() + (ending === 'refused' ? REFUSED_WAIT_MS : 0));
  }

  /** The next one of that lead may be in the store. */
  #nextInOrder(lane: Lane): void {
    if (!lane.active) return;
    lane.leftOnDisk(Date.now());
    this.#parts.dueReads.consider(lane);
  }

  #dueAgain(lane: Lane, at: number): void {
    if (!lane.active) return;
    lane.leftOnDisk(at);
    this.#parts.dueReads.wake(at);
  }
}

/** A store that refuses what the receiver answered is given the attempt without the answer. */
function recordOrStrip(
  entry: RecordEntry,
  record: RecordsAttempts,
  settle: Settle<RecordEnding>,
): void {
  record(entry, (ending) => {
    if (ending !== 'refused') return settle(ending);
    const error = 'The answer could not be stored.';
    record({ ...entry, attempt: { ...entry.attempt, response: null, error } }, settle);
  });
}

/** The store has put it off: its webhook has another URL than the one that answered 410. */
function soon(): NextStep {
  return { status: 'pending', nextAttemptAt: Date.now() + MOVED_WAIT_MS };
}
