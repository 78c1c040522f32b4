import { Worker } from 'node:worker_threads';
import { StoreBroken, StoreUnavailable } from '../store.ts';
import { unflatten } from './sql-errors.ts';
import type { Call, Reply, ThreadData } from './thread-protocol.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** What a thread tells beside its answers. */
export interface ThreadEvents {
  /** Nothing can be promised any more. */
  broken(error: StoreBroken): void;
  /** Work that follows an answer failed; it is tried again after a later one. */
  tidyingFailed(error: Error): void;
}

/** A thread with a connection of its own: calls are answered in order. */
export class DatabaseThread {
  readonly #worker: Worker;
  readonly #events: ThreadEvents;
  /** In the order of the calls, which is that of the answers. */
  readonly #waiting: Waiting[] = [];
  #closing = false;
  /** Why it answers no more. */
  #ended: Error | undefined;

  private constructor(data: ThreadData, events: ThreadEvents) {
    this.#events = events;
    this.#worker = new Worker(new URL('thread.ts', import.meta.url), { workerData: data });
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#died(error));
    this.#worker.on('exit', () => this.#died(new Error('it ended')));
  }

  /** Resolves when the connection is open; rejects with what opening it met. */
  static async start(data: ThreadData, events: ThreadEvents): Promise<DatabaseThread> {
    const thread = new DatabaseThread(data, events);
    try {
      await new Promise((resolve, reject) => thread.#waiting.push({ resolve, reject }));
    } catch (error) {
      thread.#closing = true;
      await thread.#worker.terminate();
      throw error;
    }
    return thread;
  }

  call(call: Call, transfer: ArrayBuffer[] = []): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(call, transfer);
    });
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const closed = this.call({ kind: 'close' });
    this.#ended ??= new StoreUnavailable('The store is closed');
    try {
      await closed;
    } finally {
      await this.#worker.terminate();
    }
  }

  #settle(reply: Reply): void {
    if ('values' in reply) {
      for (const value of reply.values) this.#waiting.shift()?.resolve(value);
      return;
    }
    const beside = 'besideError' in reply;
    const error = unflatten(beside ? reply.besideError : reply.error);
    if (!beside) this.#waiting.shift()?.reject(error);
    if (error instanceof StoreBroken) this.#events.broken(error);
    else if (beside) this.#events.tidyingFailed(error);
  }

  #died(why: unknown): void {
    const error = new StoreBroken(`A thread of the store died: ${String(why)}`);
    this.#ended ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
    if (!this.#closing) this.#events.broken(error);
  }
}
