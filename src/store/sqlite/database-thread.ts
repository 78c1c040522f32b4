import { Worker } from 'node:worker_threads';
import { StoreBroken } from '../store.ts';
import { unflatten } from './sql-errors.ts';
import { OPENED, type Call, type Reply, type ThreadData } from './thread-protocol.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A thread with a connection of its own: calls are answered in order. */
export class DatabaseThread {
  readonly #worker: Worker;
  readonly #onBroken: (error: StoreBroken) => void;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #closing = false;

  private constructor(data: ThreadData, onBroken: (error: StoreBroken) => void) {
    this.#onBroken = onBroken;
    this.#worker = new Worker(new URL('thread.ts', import.meta.url), { workerData: data });
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#died(error));
    this.#worker.on('exit', () => this.#died(new Error('it ended')));
  }

  /** Resolves when the connection is open; rejects with what opening it met. */
  static async start(
    data: ThreadData,
    onBroken: (error: StoreBroken) => void,
  ): Promise<DatabaseThread> {
    const thread = new DatabaseThread(data, onBroken);
    try {
      await new Promise((resolve, reject) => thread.#waiting.set(OPENED, { resolve, reject }));
    } catch (error) {
      thread.#closing = true;
      await thread.#worker.terminate();
      throw error;
    }
    return thread;
  }

  call(call: Call, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call }, [...transfer]);
    });
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    try {
      await this.call({ kind: 'close' });
    } finally {
      await this.#worker.terminate();
    }
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('value' in reply) {
      waiting?.resolve(reply.value);
      return;
    }
    const error = unflatten(reply.error);
    waiting?.reject(error);
    if (error instanceof StoreBroken) this.#onBroken(error);
  }

  #died(why: unknown): void {
    const error = new StoreBroken(`A thread of the store died: ${String(why)}`);
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
    if (!this.#closing) this.#onBroken(error);
  }
}
