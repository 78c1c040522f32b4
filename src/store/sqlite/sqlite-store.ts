import { resolve } from 'node:path';
import type { ShardLease } from '../../domain/shard.ts';
import type { CommitBatch, CommitResult, RetentionStep, Store, StoreBroken } from '../store.ts';
import { decodeResult, encodeBatch, type FlatResult } from './codec.ts';
import { DatabaseThread } from './database-thread.ts';
import type { ReadArguments, ReadResult, ReadVerb } from './reader.ts';
import type { ChangeVerb } from './writer.ts';

/** The embedded store: one file, one thread that writes, one that reads. See docs/store.md. */
export class SqliteStore implements Store {
  readonly broken: Promise<never>;
  readonly #writer: DatabaseThread;
  readonly #reader: DatabaseThread;

  private constructor(writer: DatabaseThread, reader: DatabaseThread, broken: Promise<never>) {
    this.#writer = writer;
    this.#reader = reader;
    this.broken = broken;
  }

  /** @throws StoreNotUsable where the file is damaged, newer, not ours or in use */
  static async open(file: string): Promise<SqliteStore> {
    const { promise: broken, reject } = Promise.withResolvers<never>();
    // Whoever waits for it is told; nobody has to.
    broken.catch(() => undefined);
    const onBroken = (error: StoreBroken): void => reject(error);
    const path = resolve(file);
    const writer = await DatabaseThread.start({ role: 'writer', file: path }, onBroken);
    try {
      const reader = await DatabaseThread.start({ role: 'reader', file: path }, onBroken);
      return new SqliteStore(writer, reader, broken);
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  async commit(batch: CommitBatch): Promise<CommitResult> {
    const flat = encodeBatch(batch);
    const result = await this.#writer.call({ kind: 'commit', batch: flat }, [flat.numbers.buffer]);
    return decodeResult(result as FlatResult);
  }

  async probe(): Promise<void> {
    await this.#writer.call({ kind: 'probe' });
  }

  async acquireShards(): Promise<readonly ShardLease[]> {
    return (await this.#writer.call({ kind: 'acquireShards' })) as ShardLease[];
  }

  async expire(before: number, limit: number): Promise<RetentionStep> {
    return (await this.#writer.call({ kind: 'expire', before, limit })) as RetentionStep;
  }

  readonly createAccount: Store['createAccount'] = this.#change('createAccount');
  readonly addApiKey: Store['addApiKey'] = this.#change('addApiKey');
  readonly createWebhook: Store['createWebhook'] = this.#change('createWebhook');
  readonly updateWebhook: Store['updateWebhook'] = this.#change('updateWebhook');
  readonly deleteWebhook: Store['deleteWebhook'] = this.#change('deleteWebhook');
  readonly cancelPending: Store['cancelPending'] = this.#change('cancelPending');
  readonly declareCampaign: Store['declareCampaign'] = this.#change('declareCampaign');

  readonly account: Store['account'] = this.#read('account');
  readonly pendingWebhooks: Store['pendingWebhooks'] = this.#read('pendingWebhooks');
  readonly due: Store['due'] = this.#read('due');
  readonly webhooksToCancel: Store['webhooksToCancel'] = this.#read('webhooksToCancel');

  readonly accounts: Store['accounts'] = this.#read('accounts');
  readonly apiKey: Store['apiKey'] = this.#read('apiKey');
  readonly webhook: Store['webhook'] = this.#read('webhook');
  readonly webhooks: Store['webhooks'] = this.#read('webhooks');
  readonly campaign: Store['campaign'] = this.#read('campaign');
  readonly event: Store['event'] = this.#read('event');
  readonly events: Store['events'] = this.#read('events');
  readonly delivery: Store['delivery'] = this.#read('delivery');
  readonly deliveries: Store['deliveries'] = this.#read('deliveries');

  /** Lets calls under way end, then empties the log into the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.close();
    await this.#writer.close();
  }

  #read<Verb extends ReadVerb>(verb: Verb) {
    return async (...args: ReadArguments<Verb>): Promise<ReadResult<Verb>> =>
      (await this.#reader.call({ kind: 'read', verb, args })) as ReadResult<Verb>;
  }

  #change<Result>(verb: ChangeVerb) {
    return async (...args: readonly unknown[]): Promise<Result> =>
      (await this.#writer.call({ kind: 'change', verb, args })) as Result;
  }
}
