import { decodeResult, encodeBatch } from '../src/store/sqlite/codec.ts';
import { Writer } from '../src/store/sqlite/writer.ts';
import type { ShardLease } from '../src/domain/shard.ts';
import type { CommitBatch, CommitResult, CreateWebhookResult, Store } from '../src/store/store.ts';

/** The part of the store that commits are made with. */
export type Committing = Pick<Store, 'commit' | 'claimShards' | 'createAccount' | 'createWebhook'> &
  AsyncDisposable;

/** The store's writer in the thread of the caller: what the store would be without its thread. */
export class InProcessStore implements Committing {
  readonly #writer: Writer;

  constructor(file: string) {
    this.#writer = new Writer(file);
  }

  async commit(batch: CommitBatch): Promise<CommitResult> {
    const [flat] = this.#writer.commit([encodeBatch(batch)]);
    if (!flat) throw new Error('The writer has no result for a batch');
    const result = decodeResult(flat);
    this.#writer.tidy();
    return result;
  }

  async claimShards(shards: readonly number[]): Promise<readonly ShardLease[]> {
    return this.#writer.claimShards(shards);
  }

  async createAccount(name: string): Promise<number> {
    return this.#writer.change('createAccount', [name]) as number;
  }

  async createWebhook(...args: Parameters<Store['createWebhook']>): Promise<CreateWebhookResult> {
    return this.#writer.change('createWebhook', args) as CreateWebhookResult;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#writer.close();
  }
}
