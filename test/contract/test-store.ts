import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { SHARD_COUNT, shardOf, type ShardLease } from '../../src/domain/shard.ts';
import type { Store } from '../../src/store/store.ts';
import type { Ground, StoreHarness } from './harness.ts';

export const EVERY_SHARD = [...Array(SHARD_COUNT).keys()];

/** A store on data of its own, with the shards that its tests record by. */
export class TestStore implements AsyncDisposable {
  readonly #harness: StoreHarness;
  #ground: Ground | undefined;
  #store: Store | undefined;
  readonly #leases = new Map<number, ShardLease>();

  private constructor(harness: StoreHarness) {
    this.#harness = harness;
  }

  /**
   * One store for all tests of a `describe`: each takes accounts of its own in it, and so lives with
   * what the others left. Opening one for each test took 0.2 s of a core.
   */
  static shared(harness: StoreHarness): TestStore {
    const opened = new TestStore(harness);
    before(() => opened.#open());
    after(() => opened[Symbol.asyncDispose]());
    return opened;
  }

  /** A store of its own for a test that is about all accounts, or about closing. */
  async another(): Promise<TestStore> {
    const opened = new TestStore(this.#harness);
    await opened.#open();
    return opened;
  }

  get oneOwner(): boolean {
    return this.#harness.oneOwner;
  }

  get idsAreInOrder(): boolean {
    return this.#harness.oneClock;
  }

  get store(): Store {
    assert.ok(this.#store, 'the store is not open');
    return this.#store;
  }

  /** The right to record for a webhook, as of the last acquiring. */
  lease(webhookId: number): ShardLease {
    const lease = this.#leases.get(shardOf(webhookId));
    assert.ok(lease, `a store that is alone owns the shard of webhook ${webhookId}`);
    return lease;
  }

  async acquireShards(): Promise<void> {
    this.#leases.clear();
    for (const lease of await this.store.claimShards(EVERY_SHARD)) {
      this.#leases.set(lease.shard, lease);
    }
  }

  async close(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    await store?.[Symbol.asyncDispose]();
  }

  /** What a restart does: a new owner on the same data. */
  async reopen(keys?: readonly Uint8Array[]): Promise<void> {
    await this.close();
    this.#store = await this.#ground?.open(keys);
    await this.acquireShards();
  }

  async stored(): Promise<string> {
    assert.ok(this.#ground, 'there is no store');
    return this.#ground.stored();
  }

  async outage(): Promise<AsyncDisposable> {
    assert.ok(this.#ground, 'the store is not open');
    return this.#ground.outage();
  }

  async sameMoment(time: number): Promise<void> {
    assert.ok(this.#ground, 'the store is not open');
    await this.#ground.sameMoment(time);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await this.#ground?.[Symbol.asyncDispose]();
  }

  async #open(): Promise<void> {
    this.#ground = await this.#harness.fresh();
    await this.reopen();
  }
}
