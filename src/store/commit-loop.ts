import { PosthornError } from '../domain/errors.ts';
import type { Webhook } from '../domain/webhook.ts';
import {
  StoreBroken,
  StoreRefused,
  type AcceptEntry,
  type AcceptResult,
  type CommitBatch,
  type CommitResult,
  type CommitStore,
  type RecordEntry,
  type RecordResult,
} from './store.ts';

/** One commit at most: beyond that a batch no longer gets cheaper, only later. */
const MAX_BATCH_ROWS = 2_000;
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

/** More than this waiting to be committed is refused: memory is not to fill. */
const MAX_WAITING_ROWS = 100_000;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1_000;

/** What became of a record: as the store said, or `refused` where it would not take it at all. */
export type RecordEnding = RecordResult | 'refused';

export interface CommitLoopEvents {
  /** Webhooks that a committed record disabled. */
  disabled(webhooks: readonly Webhook[]): void;
  unavailable(error: unknown): void;
  available(outageMs: number): void;
  /** Nothing may be promised any more. */
  broken(error: unknown): void;
}

interface Waiting<Entry, Result> {
  readonly entry: Entry;
  readonly rows: number;
  readonly bytes: number;
  resolve(result: Result): void;
  reject(error: Error): void;
}
type WaitingAccept = Waiting<AcceptEntry, AcceptResult>;
type WaitingRecord = Waiting<RecordEntry, RecordEnding>;

interface Batch {
  readonly records: WaitingRecord[];
  readonly accepts: WaitingAccept[];
}

/**
 * Everything that must be durable goes through here: accepted events with their deliveries, and
 * ended attempts with what comes next. While one commit is on its way to the disk the next batch
 * gathers, and starts when it returns: one event alone pays one sync, a thousand at a time pay one
 * together. Records come first, else at saturation accepting starves delivering.
 */
export class CommitLoop {
  readonly #store: CommitStore;
  readonly #events: CommitLoopEvents;
  #records: WaitingRecord[] = [];
  #accepts: WaitingAccept[] = [];
  #waitingRows = 0;
  #waitingBytes = 0;
  #running: Promise<void> | undefined;
  #state: 'available' | 'unavailable' | 'broken' = 'available';

  constructor(store: CommitStore, events: CommitLoopEvents) {
    this.#store = store;
    this.#events = events;
  }

  /** Whether the last commit went through. */
  get available(): boolean {
    return this.#state === 'available';
  }

  /**
   * Resolves when the events are on disk, in the order given.
   * @throws PosthornError `unavailable` where that cannot be promised, `overloaded` past the bound
   */
  accept(entries: readonly AcceptEntry[]): Promise<AcceptResult[]> {
    if (!this.available) return Promise.reject(unavailable());
    const overfull = this.#waitingRows > MAX_WAITING_ROWS || this.#waitingBytes > MAX_WAITING_BYTES;
    if (overfull) {
      return Promise.reject(
        new PosthornError('overloaded', 'More events wait to be stored than may be held in memory'),
      );
    }
    const results = entries.map(
      (entry) =>
        new Promise<AcceptResult>((resolve, reject) => {
          const rows = 1 + entry.deliveries.length;
          this.#accepts.push({ entry, rows, bytes: entry.event.body.length, resolve, reject });
          this.#waitingRows += rows;
          this.#waitingBytes += entry.event.body.length;
        }),
    );
    this.#start();
    return Promise.all(results);
  }

  /** Resolves when the attempt is on disk, however long the store is away; or it was refused. */
  record(entry: RecordEntry): Promise<RecordEnding> {
    return new Promise((resolve, reject) => {
      const bytes = entry.attempt.response?.body.length ?? 0;
      this.#records.push({ entry, rows: 1, bytes, resolve, reject });
      this.#start();
    });
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    while (this.#running) await this.#running;
  }

  #start(): void {
    if (this.#running || this.#state === 'broken') return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#records.length + this.#accepts.length > 0) this.#start();
    });
  }

  async #run(): Promise<void> {
    // What arrives in the same turn of the event loop shares the first commit.
    await Promise.resolve();
    while (this.#state !== 'broken' && this.#records.length + this.#accepts.length > 0) {
      await this.#commit(this.#take());
      if (this.#state === 'unavailable') await this.#untilAvailable();
    }
  }

  #take(): Batch {
    let rows = 0;
    let bytes = 0;
    const fill = <Item extends { rows: number; bytes: number }>(from: Item[]): Item[] => {
      let end = 0;
      for (const item of from) {
        if (rows > 0 && (rows + item.rows > MAX_BATCH_ROWS || bytes + item.bytes > MAX_BATCH_BYTES))
          break;
        rows += item.rows;
        bytes += item.bytes;
        end += 1;
      }
      return from.splice(0, end);
    };
    const records = fill(this.#records);
    const accepts = fill(this.#accepts);
    for (const accept of accepts) {
      this.#waitingRows -= accept.rows;
      this.#waitingBytes -= accept.bytes;
    }
    return { records, accepts };
  }

  async #commit(batch: Batch): Promise<void> {
    try {
      settle(batch, await this.#store.commit(entriesOf(batch)), this.#events);
    } catch (error) {
      if (error instanceof StoreRefused) await this.#isolate(batch, error);
      else this.#suspend(batch, error);
    }
  }

  /** One bad entry must not fail its neighbours: halve the batch until it stands alone. */
  async #isolate(batch: Batch, error: StoreRefused): Promise<void> {
    const size = batch.records.length + batch.accepts.length;
    if (size === 1) {
      batch.accepts[0]?.reject(error);
      batch.records[0]?.resolve('refused');
      return;
    }
    for (const half of halves(batch)) {
      if (this.#state === 'available') await this.#commit(half);
      else this.#giveBack(half);
    }
  }

  #suspend(batch: Batch, error: unknown): void {
    const broken = error instanceof StoreBroken;
    if (this.#state === 'available' && !broken) this.#events.unavailable(error);
    this.#state = broken ? 'broken' : 'unavailable';
    this.#giveBack(batch);
    for (const accept of this.#accepts) accept.reject(unavailable());
    this.#accepts = [];
    this.#waitingRows = 0;
    this.#waitingBytes = 0;
    if (broken) this.#events.broken(error);
  }

  /** Callers are told at once; records are kept, for those attempts were made. */
  #giveBack(batch: Batch): void {
    this.#records.unshift(...batch.records);
    for (const accept of batch.accepts) accept.reject(unavailable());
  }

  async #untilAvailable(): Promise<void> {
    const since = Date.now();
    for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      try {
        await this.#store.probe();
        break;
      } catch (error) {
        if (!(error instanceof StoreBroken)) continue;
        this.#state = 'broken';
        this.#events.broken(error);
        return;
      }
    }
    this.#state = 'available';
    this.#events.available(Date.now() - since);
  }
}

function unavailable(): PosthornError {
  return new PosthornError('unavailable', 'The store is unavailable; nothing was accepted');
}

function entriesOf(batch: Batch): CommitBatch {
  return {
    records: batch.records.map((waiting) => waiting.entry),
    accepts: batch.accepts.map((waiting) => waiting.entry),
  };
}

function settle(batch: Batch, result: CommitResult, events: CommitLoopEvents): void {
  if (result.disabled.length > 0) events.disabled(result.disabled);
  result.records.forEach((ending, i) => batch.records[i]?.resolve(ending));
  result.accepts.forEach((ending, i) => batch.accepts[i]?.resolve(ending));
}

function halves({ records, accepts }: Batch): Batch[] {
  if (records.length > 0 && accepts.length > 0) {
    return [
      { records, accepts: [] },
      { records: [], accepts },
    ];
  }
  const cut = (from: number, to?: number): Batch => ({
    records: records.slice(from, to),
    accepts: accepts.slice(from, to),
  });
  const middle = Math.ceil((records.length + accepts.length) / 2);
  return [cut(0, middle), cut(middle)];
}
