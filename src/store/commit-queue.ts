import type { PosthornError } from '../domain/errors.ts';
import type { AcceptEntry, AcceptResult, CommitBatch, RecordEntry, RecordResult } from './store.ts';

/** One commit at most: beyond that a batch no longer gets cheaper, only later. */
export const MAX_BATCH_ROWS = 2_000;
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

/** More than this waiting to be committed is refused: memory is not to fill. */
const MAX_WAITING_ROWS = 100_000;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** What became of a record: as the store said, or `refused` where it would not take it at all. */
export type RecordEnding = RecordResult | 'refused';

/** What became of an accept: as the store said, or why it is not stored. */
export type AcceptEnding =
  | AcceptResult
  | { readonly kind: 'not_stored'; readonly error: PosthornError };

/** Called once, at the moment when it is known what became of an entry. */
export type Settle<Ending> = (ending: Ending) => void;

interface Waiting<Entry, Ending> {
  readonly entry: Entry;
  readonly rows: number;
  readonly bytes: number;
  readonly settle: Settle<Ending>;
}
interface WaitingRecord extends Waiting<RecordEntry, RecordEnding> {
  /** Its place among all records: attempts end in this order, and health is told by it. */
  readonly place: number;
}
type WaitingAccept = Waiting<AcceptEntry, AcceptEnding>;

/** What goes into one commit, with those who wait for it. */
export interface Batch {
  readonly records: readonly WaitingRecord[];
  readonly accepts: readonly WaitingAccept[];
}

/** What waits for its commit. Records come first: at saturation accepting would starve delivering. */
export class CommitQueue {
  #records: WaitingRecord[] = [];
  #nextPlace = 0;
  #accepts: WaitingAccept[] = [];
  #acceptRows = 0;
  #acceptBytes = 0;

  get isEmpty(): boolean {
    return this.#records.length + this.#accepts.length === 0;
  }

  get isFull(): boolean {
    return this.#acceptRows > MAX_WAITING_ROWS || this.#acceptBytes > MAX_WAITING_BYTES;
  }

  get rows(): number {
    return this.#records.length + this.#acceptRows;
  }

  get records(): number {
    return this.#records.length;
  }

  accept(entry: AcceptEntry, settle: Settle<AcceptEnding>): void {
    const rows = 1 + entry.deliveries.length;
    const accept = { entry, rows, bytes: entry.event.body.length, settle };
    this.#accepts.push(accept);
    this.#count(accept, 1);
  }

  record(entry: RecordEntry, settle: Settle<RecordEnding>): void {
    const bytes = entry.attempt.response?.body.length ?? 0;
    this.#records.push({ entry, rows: 1, bytes, settle, place: this.#nextPlace });
    this.#nextPlace += 1;
  }

  /** The next batch: bounded in rows and bytes, but one entry in any case. */
  take(): Batch {
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
    for (const accept of accepts) this.#count(accept, -1);
    return { records, accepts };
  }

  /** Back to where they were; of several batches that fail one after another, too. */
  putBack({ records, accepts }: Batch): void {
    this.#records = [...records, ...this.#records].toSorted(
      (one, other) => one.place - other.place,
    );
    this.#accepts = [...accepts, ...this.#accepts];
    for (const accept of accepts) this.#count(accept, 1);
  }

  /** Those who wait to have something accepted are told that it is not. */
  rejectAccepts(error: PosthornError): void {
    const rejected = this.#accepts;
    this.#accepts = [];
    this.#acceptRows = 0;
    this.#acceptBytes = 0;
    for (const { settle } of rejected) settle({ kind: 'not_stored', error });
  }

  #count({ rows, bytes }: WaitingAccept, sign: 1 | -1): void {
    this.#acceptRows += sign * rows;
    this.#acceptBytes += sign * bytes;
  }
}

export function rowsOf({ records, accepts }: Batch): number {
  return accepts.reduce((sum, { rows }) => sum + rows, records.length);
}

export function sizeOf({ records, accepts }: Batch): number {
  return records.length + accepts.length;
}

export function entriesOf(batch: Batch): CommitBatch {
  return {
    records: batch.records.map((waiting) => waiting.entry),
    accepts: batch.accepts.map((waiting) => waiting.entry),
  };
}

/** Two batches in place of one: its records and its accepts, or the halves of the only kind it has. */
export function halves({ records, accepts }: Batch): readonly Batch[] {
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
