import { setTimeout as passed } from 'node:timers/promises';
import type { BenchChild } from './children.ts';
import { monotonicMs } from './clock.ts';
import type { ReceiverOrder, Sample } from './receiver.ts';
import type { BenchDatabase } from './stores/bench-store.ts';

/** One event of so many: looking costs some 20 µs, at most every millisecond, beside the measurement. */
const EVERY = 100;
const LOOK_MS = 1;

/**
 * Sees when deliveries are recorded: asks the store, from when the receiver had them. To a millisecond,
 * and of one event in a hundred.
 */
export class RecordedWatch {
  /** By the event's number, on the monotonic clock. */
  readonly recordedAt = new Map<number, number>();
  readonly #open: Sample[] = [];
  readonly #database: BenchDatabase;
  readonly #receiver: BenchChild<ReceiverOrder>;
  #ended = false;
  #looking: Promise<void> | undefined;

  constructor(database: BenchDatabase, receiver: BenchChild<ReceiverOrder>) {
    this.#database = database;
    this.#receiver = receiver;
  }

  async start(): Promise<void> {
    this.#receiver.onSample((sample) => this.#open.push(sample as Sample));
    await this.#receiver.order({ kind: 'sample', every: EVERY });
    this.#looking = this.#look();
  }

  /** When everything is recorded. */
  async stop(): Promise<void> {
    this.#ended = true;
    await this.#looking;
  }

  async #look(): Promise<void> {
    await using watch = await this.#database.watchEnded();
    while (!this.#ended || this.#open.length > 0) {
      for (const sample of this.#open.splice(0)) {
        if (await watch.hasEnded(sample.eventId)) {
          this.recordedAt.set(sample.number, monotonicMs());
        } else this.#open.push(sample);
      }
      await passed(LOOK_MS);
    }
  }
}
