import assert from 'node:assert/strict';
import { SHARD_COUNT, shardOf, type NodeId, type ShardLease } from '../../src/domain/shard.ts';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import type { NewWebhook, Webhook } from '../../src/domain/webhook.ts';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { AcceptEntry, CommitBatch, CommitResult, RecordEntry } from '../../src/store/store.ts';
import { anEvent, aWebhook, type Ending, deliveryOf } from '../contract/examples.ts';
import { TcpProxy } from './tcp-proxy.ts';

const EVERY_SHARD = [...Array(SHARD_COUNT).keys()];

/** A node of a cluster, as far as the store goes: on its own way to the database. */
export class TestNode implements AsyncDisposable {
  readonly id: NodeId;
  readonly store: PostgresStore;
  readonly proxy: TcpProxy;
  readonly #leases = new Map<number, ShardLease>();

  private constructor(id: NodeId, store: PostgresStore, proxy: TcpProxy) {
    this.id = id;
    this.store = store;
    this.proxy = proxy;
  }

  static async start(id: NodeId, databaseUrl: string): Promise<TestNode> {
    const proxy = await TcpProxy.start(databaseUrl);
    return new TestNode(id, await PostgresStore.open(proxy.url, id), proxy);
  }

  async claim(shards: readonly number[] = EVERY_SHARD): Promise<readonly ShardLease[]> {
    const leases = await this.store.claimShards(shards);
    for (const lease of leases) this.#leases.set(lease.shard, lease);
    return leases;
  }

  lease(webhook: Webhook): ShardLease {
    const lease = this.#leases.get(shardOf(webhook.id));
    assert.ok(lease, `${this.id} has no lease for webhook ${webhook.id}`);
    return lease;
  }

  async webhook(accountId: number, more: Partial<NewWebhook> = {}): Promise<Webhook> {
    return (await this.store.createWebhook(aWebhook(accountId, more), true)).webhook;
  }

  async entry(
    accountId: number,
    webhooks: readonly Webhook[],
    more: Partial<AcceptedEvent> = {},
  ): Promise<AcceptEntry> {
    const accountVersion = (await this.store.account(accountId)).version;
    const deliveries = webhooks.map(({ id, version }) => ({
      webhookId: id,
      webhookVersion: version,
    }));
    return { event: anEvent(accountId, more), accountVersion, deliveries };
  }

  async accept(
    accountId: number,
    webhooks: readonly Webhook[],
    more: Partial<AcceptedEvent> = {},
  ): Promise<AcceptedEvent> {
    const entry = await this.entry(accountId, webhooks, more);
    const { accepts } = await this.commit({ accepts: [entry] });
    assert.deepEqual(accepts, [{ kind: 'accepted' }]);
    return entry.event;
  }

  recordOf(event: AcceptedEvent, webhook: Webhook, ending: Ending): RecordEntry {
    return { ...deliveryOf(event, webhook), lease: this.lease(webhook), ...ending };
  }

  commit(batch: Partial<CommitBatch>): Promise<CommitResult> {
    return this.store.commit({ records: [], accepts: [], ...batch });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.proxy.silent = false;
    await this.store[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
  }
}
