import assert from 'node:assert/strict';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import type { NewWebhook, Webhook, WebhookHealth } from '../../src/domain/webhook.ts';
import type {
  AcceptEntry,
  AccountSnapshot,
  CommitBatch,
  CommitResult,
  DeliveryDetail,
  DeliveryFilter,
  DeliverySummary,
  EventFilter,
  RecordEntry,
  RecordResult,
  Store,
} from '../../src/store/store.ts';
import { anEvent, aWebhook, type Ending, deliveryOf } from './examples.ts';
import { everyPage } from './pages.ts';
import type { TestStore } from './test-store.ts';

/** An account of its own for a test, which so shares a store with others and sees none of them. */
export class TestAccount {
  readonly id: number;
  readonly #opened: TestStore;

  private constructor(opened: TestStore, id: number) {
    this.#opened = opened;
    this.id = id;
  }

  static async create(opened: TestStore): Promise<TestAccount> {
    return new TestAccount(opened, await opened.store.createAccount('An account'));
  }

  get store(): Store {
    return this.#opened.store;
  }

  async version(): Promise<number> {
    return (await this.store.account(this.id)).version;
  }

  /** What matching needs; the webhooks, which come in any order, by id. */
  async snapshot(): Promise<AccountSnapshot> {
    const { webhooks, ...rest } = await this.store.account(this.id);
    return { ...rest, webhooks: webhooks.toSorted((a, b) => a.id - b.id) };
  }

  async webhook(more: Partial<NewWebhook> = {}): Promise<Webhook> {
    return (await this.store.createWebhook(aWebhook(this.id, more), true)).webhook;
  }

  async health(webhook: Webhook): Promise<WebhookHealth | undefined> {
    return (await this.store.webhook(this.id, webhook.id))?.health;
  }

  /** An entry as intake makes it: matched at the account's present version. */
  async entry(
    webhooks: readonly Webhook[],
    more: Partial<AcceptedEvent> = {},
  ): Promise<AcceptEntry> {
    return this.entryAt(await this.version(), webhooks, more);
  }

  entryAt(
    accountVersion: number,
    webhooks: readonly Webhook[],
    more: Partial<AcceptedEvent> = {},
  ): AcceptEntry {
    const deliveries = webhooks.map(({ id, version, ordering }) => ({
      webhookId: id,
      webhookVersion: version,
      inOrder: ordering !== 'none',
    }));
    return { event: anEvent(this.id, more), accountVersion, deliveries };
  }

  async accept(
    webhooks: readonly Webhook[],
    more: Partial<AcceptedEvent> = {},
  ): Promise<AcceptedEvent> {
    const entry = await this.entry(webhooks, more);
    const { accepts } = await this.commit({ accepts: [entry] });
    assert.deepEqual(accepts, [{ kind: 'accepted' }]);
    return entry.event;
  }

  recordOf(event: AcceptedEvent, webhook: Webhook, ending: Ending): RecordEntry {
    return {
      ...deliveryOf({ ...event, accountId: this.id }, webhook),
      lease: this.#opened.lease(webhook.id),
      ...ending,
    };
  }

  async record(
    event: AcceptedEvent,
    webhook: Webhook,
    ending: Ending,
  ): Promise<RecordResult | undefined> {
    const { records } = await this.commit({ records: [this.recordOf(event, webhook, ending)] });
    return records[0];
  }

  commit(batch: Partial<CommitBatch>): Promise<CommitResult> {
    return this.store.commit({ records: [], accepts: [], ...batch });
  }

  async delivery(event: AcceptedEvent, webhook: Webhook): Promise<DeliveryDetail> {
    const key = { eventId: event.id, webhookId: webhook.id };
    const found = await this.store.delivery(this.id, key);
    assert.ok(found, 'there is no such delivery');
    return found;
  }

  deliveries(filter: DeliveryFilter = {}): Promise<DeliverySummary[]> {
    return everyPage((page) => this.store.deliveries(this.id, filter, page));
  }

  events(filter: EventFilter = {}): Promise<AcceptedEvent[]> {
    return everyPage((page) => this.store.events(this.id, filter, page));
  }
}
