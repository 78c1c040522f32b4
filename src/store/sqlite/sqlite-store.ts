import { resolve } from 'node:path';
import { SHARD_COUNT, type ClusterView, type NodeId, type ShardLease } from '../../domain/shard.ts';
import type { ResealStep } from '../sealing-store.ts';
import type { CommitBatch, CommitResult, RetentionStep, Store } from '../store.ts';
import { decodeResult, encodeBatch, type FlatResult } from './codec.ts';
import { DatabaseThread, type ThreadEvents } from './database-thread.ts';
import type { ReadArguments, ReadResult, ReadVerb } from './reader.ts';
import type { ChangeVerb } from './writer.ts';

/**
 * The embedded store: one file, one thread that writes, one that reads. See docs/store.md.
 *
 * Why a thread: `node bench/writer-thread.ts`, 2 cores, Node 24.21, commits one after another and
 * nothing else to do, so that this shows what the thread costs (messages) and what it is for (the
 * event loop goes on: at rest its delay was p99 2.4 ms):
 *
 *   events a commit   in process                     in the thread
 *   1                  2,823/s, delay p99  2.3 ms     2,059/s, 1.8 ms
 *   20                21,738/s, delay p99  4.6 ms    19,086/s, 2.0 ms
 *   200               34,840/s, delay p99 22.9 ms    28,257/s, 3.9 ms
 *
 * Storing takes about 22 µs an event, which the thread that receives and sends does not have.
 */
export class SqliteStore implements Store {
  /** Beside one at a time: two bring 3 % more events a second, four 6 %, eight no more. */
  readonly commitsAtOnce = 4;
  readonly broken: Promise<never>;
  readonly #writer: DatabaseThread;
  readonly #reader: DatabaseThread;

  readonly #nodeId: NodeId;
  readonly #owned = new Map<number, ShardLease>();

  private constructor(
    nodeId: NodeId,
    writer: DatabaseThread,
    reader: DatabaseThread,
    broken: Promise<never>,
  ) {
    this.#nodeId = nodeId;
    this.#writer = writer;
    this.#reader = reader;
    this.broken = broken;
  }

  /**
   * @param log told of checkpoints that fail: they keep nobody waiting, and the log only grows meanwhile
   * @param keys encrypt secrets at rest: the first one writes, all of them read
   * @throws StoreNotUsable where the file is damaged, newer, not ours, in use, or has other keys
   */
  static async open(
    file: string,
    nodeId: NodeId,
    log?: { taskFailed(task: string, error: unknown): void },
    keys: readonly Uint8Array[] = [],
  ): Promise<SqliteStore> {
    const { promise: broken, reject } = Promise.withResolvers<never>();
    // Whoever waits for it is told; nobody has to.
    broken.catch(() => undefined);
    const events: ThreadEvents = {
      broken: reject,
      tidyingFailed: (error) => log?.taskFailed('checkpoint the database', error),
    };
    const path = resolve(file);
    const writer = await DatabaseThread.start({ role: 'writer', file: path, keys }, events);
    try {
      const reader = await DatabaseThread.start({ role: 'reader', file: path, keys }, events);
      return new SqliteStore(nodeId, writer, reader, broken);
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  async commit(batch: CommitBatch): Promise<CommitResult> {
    const flat = encodeBatch(batch);
    const moved = [flat.numbers.buffer, flat.lengths.buffer];
    const result = await this.#writer.call({ kind: 'commit', batch: flat }, moved);
    return decodeResult(result as FlatResult);
  }

  async probe(): Promise<void> {
    await this.#writer.call({ kind: 'probe' });
  }

  /** The only node, for as long as it holds the file's lock. */
  async renew(): Promise<ClusterView> {
    const shards = Array.from({ length: SHARD_COUNT }, (_, shard) => ({
      shard,
      owner: this.#owned.has(shard) ? this.#nodeId : null,
    }));
    return { nodes: [this.#nodeId], shards };
  }

  async claimShards(shards: readonly number[]): Promise<readonly ShardLease[]> {
    const leases = (await this.#writer.call({ kind: 'claimShards', shards })) as ShardLease[];
    for (const lease of leases) this.#owned.set(lease.shard, lease);
    return leases;
  }

  async releaseShards(leases: readonly ShardLease[]): Promise<void> {
    for (const { shard, epoch } of leases) {
      if (this.#owned.get(shard)?.epoch === epoch) this.#owned.delete(shard);
    }
  }

  async leave(): Promise<void> {
    this.#owned.clear();
  }

  /** There are no other nodes. */
  announcePending(): void {}
  announceRetried(): void {}
  listen(): void {}

  async announce(...args: Parameters<Store['announce']>): Promise<boolean> {
    return (await this.#writer.call({ kind: 'announce', args })) as boolean;
  }

  async reseal(after: number, limit: number): Promise<ResealStep> {
    return (await this.#writer.call({ kind: 'reseal', after, limit })) as ResealStep;
  }

  async expire(before: number, limit: number): Promise<RetentionStep> {
    return (await this.#writer.call({ kind: 'expire', before, limit })) as RetentionStep;
  }

  readonly createAccount: Store['createAccount'] = this.#change('createAccount');
  readonly createFirstAccount: Store['createFirstAccount'] = this.#change('createFirstAccount');
  readonly addApiKey: Store['addApiKey'] = this.#change('addApiKey');
  readonly createWebhook: Store['createWebhook'] = this.#change('createWebhook');
  readonly updateWebhook: Store['updateWebhook'] = this.#change('updateWebhook');
  readonly deleteWebhook: Store['deleteWebhook'] = this.#change('deleteWebhook');
  readonly moveWebhook: Store['moveWebhook'] = this.#change('moveWebhook');
  readonly rotateSecret: Store['rotateSecret'] = this.#change('rotateSecret');
  readonly cancelPending: Store['cancelPending'] = this.#change('cancelPending');
  readonly declareCampaign: Store['declareCampaign'] = this.#change('declareCampaign');

  readonly retryDelivery: Store['retryDelivery'] = this.#change('retryDelivery');
  readonly createRedo: Store['createRedo'] = this.#change('createRedo');
  readonly startRedo: Store['startRedo'] = this.#change('startRedo');
  readonly stepRedo: Store['stepRedo'] = this.#change('stepRedo');

  readonly account: Store['account'] = this.#read('account');
  readonly accountVersions: Store['accountVersions'] = this.#read('accountVersions');
  readonly pendingWebhooks: Store['pendingWebhooks'] = this.#read('pendingWebhooks');
  readonly due: Store['due'] = this.#read('due');
  readonly dueInOrder: Store['dueInOrder'] = this.#read('dueInOrder');
  readonly retried: Store['retried'] = this.#read('retried');
  readonly webhooksToCancel: Store['webhooksToCancel'] = this.#read('webhooksToCancel');

  readonly failing: Store['failing'] = this.#read('failing');
  readonly announcements: Store['announcements'] = this.#read('announcements');

  readonly accounts: Store['accounts'] = this.#read('accounts');
  readonly apiKey: Store['apiKey'] = this.#read('apiKey');
  readonly webhook: Store['webhook'] = this.#read('webhook');
  readonly webhooks: Store['webhooks'] = this.#read('webhooks');
  readonly campaign: Store['campaign'] = this.#read('campaign');
  readonly event: Store['event'] = this.#read('event');
  readonly events: Store['events'] = this.#read('events');
  readonly webhooksThen: Store['webhooksThen'] = this.#read('webhooksThen');
  readonly delivery: Store['delivery'] = this.#read('delivery');
  readonly deliveries: Store['deliveries'] = this.#read('deliveries');

  readonly redo: Store['redo'] = this.#read('redo');
  readonly unfinishedRedos: Store['unfinishedRedos'] = this.#read('unfinishedRedos');
  readonly countRedo: Store['countRedo'] = this.#read('countRedo');

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
