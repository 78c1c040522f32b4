import { PosthornError } from '../domain/errors.ts';
import type { Webhook } from '../domain/webhook.ts';
import {
  CommitQueue,
  entriesOf,
  halves,
  rowsOf,
  sizeOf,
  type AcceptEnding,
  type Batch,
  type RecordEnding,
  type Settle,
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

/** A batch that the store is at work on, or will be next. */
interface Started {
  readonly batch: Batch;
  readonly rows: number;
  readonly result: Promise<CommitResult>;
}

/**
 * With so many rows at the store nothing more is handed to it: it has enough to do, and larger batches are
 * cheaper. Lists of 100 events go through 7 % faster so.
 */
const ROWS_AHEAD = 500;

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
 * The one loop through which all that must be durable goes. What comes in one turn of the event loop goes
 * to the store at its end, which may be at work on what came before: so batches grow with the load by
 * themselves, one event alone pays one sync, a thousand at once share one, and the store never waits for
 * the turn in which its last commit is told of. Whoever puts an entry in is called back, without a
 * promise in between: two of them for each event, and what awaits them, cost more than matching it.
 */
export class CommitLoop {
  readonly #store: CommitStore;
  readonly #events: CommitLoopEvents;
  readonly #queue = new CommitQueue();
  #running: Promise<void> | undefined;
  /** In order; of the first one the result is awaited, or is being told. */
  readonly #started: Started[] = [];
  /** How many commits have no result yet. */
  #atStore = 0;
  #rowsAtStore = 0;
  #beginsAtTurnEnd = false;
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

  /** Attempts of which it is not known that they are recorded. */
  get unrecorded(): number {
    const kept = this.#queue.records + (this.#inDoubt?.batch.records.length ?? 0);
    return this.#started.reduce((sum, { batch }) => sum + batch.records.length, kept);
  }

  /** Rows that go into a later commit than the first one under way. */
  get rowsWaiting(): number {
    const [, ...behind] = this.#started;
    return behind.reduce((sum, { rows }) => sum + rows, this.#queue.rows);
  }

  /** Settled when the event is on disk, or will not be: at once where the loop takes nothing now. */
  accept(entry: AcceptEntry, settle: Settle<AcceptEnding>): void {
    const error = this.#whyNot();
    if (error) return settle({ kind: 'not_stored', error });
    this.#queue.accept(entry, settle);
    this.#start();
  }

  /** Settled when the attempt is on disk, however long the store is away; or it was refused. */
  record(entry: RecordEntry, settle: Settle<RecordEnding>): void {
    this.#queue.record(entry, settle);
    this.#start();
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
    if (!this.#hasWork()) return;
    if (this.#running) return this.#beginAtTurnEnd();
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#start();
    });
  }

  #hasWork(): boolean {
    if (this.#started.length > 0) return true;
    if (this.#state === 'broken') return false;
    return this.#state === 'unavailable' || !this.#queue.isEmpty;
  }

  async #run(): Promise<void> {
    // What arrives in the same turn of the event loop shares the first commit.
    await new Promise(setImmediate);
    while (this.#hasWork()) {
      this.#beginNext();
      const [first] = this.#started;
      if (first) {
        await this.#commit(first, true);
        this.#started.shift();
      } else if (await this.#comesBack()) {
        if (this.#queue.isEmpty) this.#becomeAvailable();
        else this.#started.push(this.#begin());
      }
    }
  }

  #beginAtTurnEnd(): void {
    if (this.#beginsAtTurnEnd || !this.#takesMore) return;
    this.#beginsAtTurnEnd = true;
    setImmediate(() => {
      this.#beginsAtTurnEnd = false;
      this.#beginNext();
    });
  }

  #beginNext(): void {
    if (this.#takesMore && !this.#queue.isEmpty) this.#started.push(this.#begin());
  }

  get #takesMore(): boolean {
    if (!this.available || this.#atStore >= this.#store.commitsAtOnce) return false;
    return this.#atStore === 0 || this.#rowsAtStore < ROWS_AHEAD;
  }

  #begin(batch = this.#queue.take()): Started {
    const rows = rowsOf(batch);
    this.#atStore += 1;
    this.#rowsAtStore += rows;
    const result = this.#store.commit(entriesOf(batch));
    // It is awaited in its turn; until then nobody listens.
    result.catch(() => undefined);
    return { batch, rows, result };
  }

  /**
   * @param goesOn whether the next batch may follow at once
   * @returns whether the store did its work; where not, it is unavailable or broken now
   */
  async #commit({ batch, rows, result: committing }: Started, goesOn: boolean): Promise<boolean> {
    let result: CommitResult;
    try {
      result = await committing.finally(() => {
        this.#atStore -= 1;
        this.#rowsAtStore -= rows;
      });
    } catch (error) {
      if (error instanceof CommitInDoubt) return this.#hesitate(batch, error);
      if (error instanceof StoreUnavailable || error instanceof StoreBroken) {
        this.#giveBack(batch);
        return this.#suspend(error);
      }
      return this.#isolate(batch, error);
    }
    // The store goes on before those who waited are told: that takes about as long as it needs.
    if (goesOn) this.#beginNext();
    this.#settle(batch, result);
    this.#retryMs = FIRST_RETRY_MS;
    this.#becomeAvailable();
    return true;
  }

  #settle(batch: Batch, result: CommitResult): void {
    if (result.disabled.length > 0) this.#events.disabled(result.disabled);
    result.records.forEach((ending, i) => batch.records[i]?.settle(ending));
    const accepted: AcceptEntry[] = [];
    batch.accepts.forEach(({ entry }, i) => {
      if (result.accepts[i]?.kind === 'accepted') accepted.push(entry);
    });
    if (accepted.length > 0) this.#events.accepted(accepted);
    result.accepts.forEach((ending, i) => batch.accepts[i]?.settle(ending));
  }

  /** One bad entry must not fail its neighbours: halve the batch until it stands alone. */
  async #isolate(batch: Batch, error: unknown): Promise<boolean> {
    if (sizeOf(batch) === 1) {
      this.#events.refused(error);
      batch.records[0]?.settle('refused');
      batch.accepts[0]?.settle({ kind: 'not_stored', error: refused() });
      return true;
    }
    let works = true;
    for (const half of halves(batch)) {
      if (works) works = await this.#commit(this.#begin(half), false);
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
    if (this.#state === 'broken') return false;
    if (error instanceof StoreBroken) {
      this.#state = 'broken';
      this.#events.broken(error);
    } else if (this.#state === 'available') {
      this.#state = 'unavailable';
      this.#awaySince = Date.now();
      this.#events.unavailable(error);
    }
    // Last: who is told may come with more, and is told at once then.
    this.#queue.rejectAccepts(unavailable());
    return false;
  }

  /** Callers are told at once; records are kept, for those attempts were made. */
  #giveBack({ records, accepts }: Batch): void {
    this.#queue.putBack({ records, accepts: [] });
    for (const { settle } of accepts) settle({ kind: 'not_stored', error: unavailable() });
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
