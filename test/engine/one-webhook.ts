import assert from 'node:assert/strict';
import { join } from 'node:path';
import { AccountCache } from '../../src/catalog/account-cache.ts';
import type { Attempt } from '../../src/domain/attempt.ts';
import { eventIdMaker, type EventId } from '../../src/domain/ids.ts';
import { shardOf, type ShardLease } from '../../src/domain/shard.ts';
import { Dispatcher } from '../../src/engine/dispatcher.ts';
import { CommitLoop } from '../../src/store/commit-loop.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { DispatchStore, RecordEntry } from '../../src/store/store.ts';
import { Log } from '../../src/telemetry/log.ts';
import { temporaryDirectory } from '../e2e/ground.ts';
import { webhook } from './lane-material.ts';
import { event, type Gate } from './running-core.ts';
import { accepting } from './settled.ts';
import { TestSender } from './test-sender.ts';
import { deliveryOf } from '../contract/examples.ts';

/** What the tests of a dispatcher hold up: pages that were read, and attempts before they are recorded. */
interface Held {
  page(): Promise<void>;
  record(): Promise<void>;
}

function failed(error: unknown): void {
  assert.fail(String(error));
}

/** A dispatcher with one webhook, whose shard the test gives it and takes from it. */
export class OneWebhook implements AsyncDisposable {
  readonly store: SqliteStore;
  readonly dispatcher: Dispatcher;
  readonly webhookId: number;
  readonly records: RecordEntry[] = [];
  readonly gates: readonly Gate[];
  pages = 0;
  readonly #account: number;
  readonly #loop: CommitLoop;
  readonly #newEventId = eventIdMaker();
  readonly #ended: AsyncDisposableStack;

  private constructor(
    store: SqliteStore,
    [account, webhookId]: [number, number],
    gates: readonly Gate[],
    held: Partial<Held>,
    ended: AsyncDisposableStack,
  ) {
    this.store = store;
    this.#account = account;
    this.webhookId = webhookId;
    this.gates = gates;
    this.#ended = ended;
    this.#loop = new CommitLoop(store, {
      accepted: () => undefined,
      disabled: failed,
      refused: failed,
      unavailable: failed,
      available: failed,
      broken: failed,
    });
    const accounts = new AccountCache(store);
    const { sender } = ended.use(new TestSender());
    const reads: DispatchStore = {
      pendingWebhooks: (shards) => store.pendingWebhooks(shards),
      due: async (...args) => {
        const page = await store.due(...args);
        this.pages += 1;
        await held.page?.();
        return page;
      },
      dueInOrder: (...args) => store.dueInOrder(...args),
      retried: (...args) => store.retried(...args),
    };
    this.dispatcher = new Dispatcher(
      {
        store: reads,
        sender,
        record: (entry, settle) => {
          this.records.push(entry);
          if (held.record) void held.record().then(() => this.#loop.record(entry, settle));
          else this.#loop.record(entry, settle);
        },
        webhook: (accountId, id) => accounts.webhook(accountId, id),
        leasesHold: () => true,
        announced: () => undefined,
        log: new Log('silent'),
      },
      { concurrency: 16, webhookConcurrency: 16, retrySchedule: [], userAgent: 'Posthorn/test' },
    );
    this.dispatcher.start();
  }

  static async start(
    url: string,
    held: Partial<Held> = {},
    gates: Gate[] = [],
  ): Promise<OneWebhook> {
    await using starting = new AsyncDisposableStack();
    const directory = starting.use(await temporaryDirectory());
    const store = starting.use(await SqliteStore.open(join(directory.path, 'posthorn.db'), 'node'));
    const accountId = await store.createAccount('one');
    const { id: _, version: __, ...definition } = webhook(1, accountId);
    const made = await store.createWebhook({ ...definition, url }, true);
    return new OneWebhook(store, [accountId, made.webhook.id], gates, held, starting.move());
  }

  get shard(): number {
    return shardOf(this.webhookId);
  }

  /** Puts an event in, as another node would: nothing is offered. */
  async accept(): Promise<EventId> {
    const { version } = await this.store.account(this.#account);
    const id = this.#newEventId();
    const ending = await accepting(this.#loop, {
      event: { ...event(this.#account), id },
      accountVersion: version,
      deliveries: [{ webhookId: this.webhookId, webhookVersion: version }],
    });
    assert.equal(ending.kind, 'accepted');
    return id;
  }

  /** Has the dispatcher hear of what was accepted elsewhere. */
  tell(): void {
    const { webhookId } = this;
    this.dispatcher.acceptedElsewhere([{ accountId: this.#account, webhookId }]);
  }

  /** Hands it to the dispatcher as one that was accepted here. */
  async offer(eventId: EventId): Promise<void> {
    const accountId = this.#account;
    const found = await this.store.webhook(accountId, this.webhookId);
    assert.ok(found);
    const { type, body } = event(accountId);
    const delivery = deliveryOf({ id: eventId, accountId }, found.webhook);
    const { createdAt: nextAttemptAt } = delivery;
    const rest = { attemptCount: 0, nextAttemptAt, eventType: type, body };
    this.dispatcher.offer([{ delivery: { ...delivery, ...rest }, webhook: found.webhook }]);
  }

  /** Sends and records, as another node would that has taken the shard. */
  async deliverElsewhere(eventId: EventId): Promise<void> {
    const [lease] = await this.store.claimShards([this.shard]);
    assert.ok(lease);
    const attempt: Attempt = {
      number: 1,
      startedAt: Date.now(),
      durationMs: 1,
      url: 'https://example.com/',
      signature: 'v1,AAAA',
      userAgent: 'Posthorn/test',
      outcome: 'delivered',
      response: null,
      error: null,
    };
    const found = await this.store.webhook(this.#account, this.webhookId);
    assert.ok(found);
    const delivery = deliveryOf({ id: eventId, accountId: this.#account }, found.webhook);
    const record = { ...delivery, lease, attempt, next: { status: 'succeeded' as const } };
    const { records } = await this.store.commit({ records: [record], accepts: [] });
    assert.deepEqual(records, ['recorded']);
  }

  /** Takes the shard at a new epoch, and has its dispatcher own it. */
  async own(): Promise<readonly ShardLease[]> {
    const leases = await this.store.claimShards([this.shard]);
    this.dispatcher.own(leases);
    return leases;
  }

  async nothingPending(): Promise<boolean> {
    const page = { limit: 1, cursor: null };
    const { items } = await this.store.deliveries(this.#account, { status: 'pending' }, page);
    return items.length === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const gate of this.gates) gate.open();
    await this.dispatcher.stop();
    await this.#loop.drained();
    await this.#ended.disposeAsync();
  }
}
