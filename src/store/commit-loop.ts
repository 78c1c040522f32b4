import { PosthornError } from '../domain/errors.ts';
import type { Webhook } from '../domain/webhook.ts';
import {
  CommitQueue,
  entriesOf,
  halves,
  sizeOf,
  type AcceptEnding,
  type Batch,
  type RecordEnding,
} from './commit-queue.ts';
import {
  CommitInDoubt,
  StoreBroken,
  StoreUnavailable,
  type AcceptEntry,
  type CommitResult,
  type CommitStore,
  type RecordEntry,
} from './store.ts';

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1_000;

export interface CommitLoopEvents {
  /** Events that a commit brought to the disk; told before their callers, and at once. */
  accepted(entries: readonly AcceptEntry[]): void;
  /** Webhooks that a committed record disabled. */
  disabled(webhooks: readonly Webhook[]): void;
  /** The store would not take one entry, whose neighbours it took. */
  refused(error: unknown): void;
  unavailable(error: unknown): void;
  available(outageMs: number): void;
  /** Nothing may be promised any more. */
  broken(error: unknown): void;
}

/**
 * The one loop through which all that must be durable goes. While one commit is on its way to the
 * disk the next batch gathers, so that batches grow with the load by themselves: one event alone
 * pays one sync, a thousand at once share one.
 */
export class CommitLoop {
  readonly #store: CommitStore;
  readonly #events: CommitLoopEvents;
  readonly #queue = new CommitQueue();
  #running: Promise<void> | undefined;
  #underWay: Promise<unknown> = Promise.resolve();
  #inDoubt: { readonly batch: Batch; readonly outcome: CommitInDoubt['outcome'] } | undefined;
  #state: 'available' | 'unavailable' | 'broken' = 'available';
  #awaySince = 0;
  /** Grows with each failure in a row, and begins anew only when a commit has gone through. */
  #retryMs = FIRST_RETRY_MS;

  constructor(store: CommitStore, events: CommitLoopEvents) {
    this.#store = store;
    this.#events = events;
  }

  /** Whether the last commit went through. */
  get available(): boolean {
    return this.#state === 'available';
  }

  /** Attempts that wait to be recorded. */
  get unrecorded(): number {
    return this.#queue.records + (this.#inDoubt?.batch.records.length ?? 0);
  }

  /** Resolves, in the order given, when each event is on disk, or will not be. Never rejects. */
  accept(entries: readonly AcceptEntry[]): Promise<AcceptEnding[]> {
    const error = this.#whyNot();
    if (error) return Promise.resolve(entries.map(() => ({ kind: 'not_stored', error })));
    const endings = entries.map((entry) => this.#queue.accept(entry));
    this.#start();
    return Promise.all(endings);
  }

  /** Resolves when the attempt is on disk, however long the store is away; or it was refused. */
  record(entry: RecordEntry): Promise<RecordEnding> {
    const ending = this.#queue.record(entry);
    this.#start();
    return ending;
  }

  /**
   * Resolves when the commit under way has been told of. Who has read from the store may have read
   * what that commit wrote before anybody here knew of it.
   */
  async settled(): Promise<void> {
    await this.#underWay;
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    while (this.#running) await this.#running;
  }

  #whyNot(): PosthornError | undefined {
    if (!this.available) return unavailable();
    return this.#queue.isFull ? overloaded() : undefined;
  }

  #start(): void {
    if (this.#running || !this.#hasWork()) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#start();
    });
  }

  #hasWork(): boolean {
    if (this.#state === 'broken') return false;
    return this.#state === 'unavailable' || !this.#queue.isEmpty;
  }

  async #run(): Promise<void> {
    // What arrives in the same turn of the event loop shares the first commit.
    await Promise.resolve();
    while (this.#hasWork()) {
      if (this.#state === 'unavailable' && !(await this.#comesBack())) continue;
      if (this.#queue.isEmpty) {
        this.#becomeAvailable();
      } else {
        this.#underWay = this.#commit(this.#queue.take());
        await this.#underWay;
      }
    }
  }

  /** @returns whether the store did its work; where not, it is unavailable or broken now */
  async #commit(batch: Batch): Promise<boolean> {
    let result: CommitResult;
    try {
      result = await this.#store.commit(entriesOf(batch));
    } catch (error) {
      if (error instanceof CommitInDoubt) return this.#hesitate(batch, error);
      if (error instanceof StoreUnavailable || error instanceof StoreBroken) {
        this.#giveBack(batch);
        return this.#suspend(error);
      }
      return this.#isolate(batch, error);
    }
    this.#settle(batch, result);
    this.#retryMs = FIRST_RETRY_MS;
    this.#becomeAvailable();
    return true;
  }

  #settle(batch: Batch, result: CommitResult): void {
    if (result.disabled.length > 0) this.#events.disabled(result.disabled);
    const accepted = batch.accepts.filter((_, i) => result.accepts[i]?.kind === 'accepted');
    if (accepted.length > 0) this.#events.accepted(accepted.map(({ entry }) => entry));
    result.records.forEach((ending, i) => batch.records[i]?.resolve(ending));
    result.accepts.forEach((ending, i) => batch.accepts[i]?.resolve(ending));
  }

  /** One bad entry must not fail its neighbours: halve the batch until it stands alone. */
  async #isolate(batch: Batch, error: unknown): Promise<boolean> {
    if (sizeOf(batch) === 1) {
      this.#events.refused(error);
      batch.records[0]?.resolve('refused');
      batch.accepts[0]?.resolve({ kind: 'not_stored', error: refused() });
      return true;
    }
    let works = true;
    for (const half of halves(batch)) {
      if (works) works = await this.#commit(half);
      else this.#giveBack(half);
    }
    return works;
  }

  /** Whether the batch was committed is asked when the store is back; until then nobody is answered. */
  #hesitate(batch: Batch, error: CommitInDoubt): false {
    this.#inDoubt = { batch, outcome: error.outcome };
    return this.#suspend(error);
  }

  #suspend(error: unknown): false {
    this.#queue.rejectAccepts(unavailable());
    if (error instanceof StoreBroken) {
      this.#state = 'broken';
      this.#events.broken(error);
    } else if (this.#state === 'available') {
      this.#state = 'unavailable';
      this.#awaySince = Date.now();
      this.#events.unavailable(error);
    }
    return false;
  }

  /** Callers are told at once; records are kept, for those attempts were made. */
  #giveBack({ records, accepts }: Batch): void {
    this.#queue.putBack({ records, accepts: [] });
    for (const { resolve } of accepts) resolve({ kind: 'not_stored', error: unavailable() });
  }

  /** Waits a while and looks. @returns whether the store can be tried again */
  async #comesBack(): Promise<boolean> {
    await new Promise((resolve) => setTimeout(resolve, this.#retryMs));
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
    try {
      await this.#store.probe();
      await this.#settleDoubt();
      return true;
    } catch (error) {
      if (error instanceof StoreBroken) this.#suspend(error);
      return false;
    }
  }

  async #settleDoubt(): Promise<void> {
    if (!this.#inDoubt) return;
    const { batch, outcome } = this.#inDoubt;
    const result = await outcome();
    this.#inDoubt = undefined;
    // Where nothing was written its callers wait still: it is tried once more.
    if (result) this.#settle(batch, result);
    else this.#queue.putBack(batch);
  }

  #becomeAvailable(): void {
    if (this.#state !== 'unavailable') return;
    this.#state = 'available';
    this.#events.available(Date.now() - this.#awaySince);
  }
}

function unavailable(): PosthornError {
  return new PosthornError('unavailable', 'The store is unavailable; try again');
}

function overloaded(): PosthornError {
  const sentence = 'More events wait to be stored than may be held in memory; try again';
  return new PosthornError('overloaded', sentence);
}

function refused(): PosthornError {
  return new PosthornError('validation_error', 'The store does not take this event');
}
