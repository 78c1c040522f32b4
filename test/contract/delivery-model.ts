import assert from 'node:assert/strict';
import { transition, type DeliveryStatus } from '../../src/domain/delivery.ts';
import { acceptedAt, type DeliveryKey, type EventId } from '../../src/domain/ids.ts';
import type {
  AcceptEntry,
  AcceptResult,
  RecordEntry,
  RecordResult,
} from '../../src/store/store.ts';

export interface ModelDelivery extends DeliveryKey {
  status: DeliveryStatus;
  attemptCount: number;
  nextAttemptAt: number | null;
}

interface ModelWebhook {
  status: 'active' | 'disabled' | 'deleted';
  consecutiveFailures: number;
}

const BY = {
  succeeded: 'succeed',
  pending: 'retry',
  exhausted: 'exhaust',
  canceled: 'cancel',
} as const;

/** One account as the port tells of it, in plain objects: what a store is compared with. */
export class DeliveryModel {
  version: number;
  readonly webhooks = new Map<number, ModelWebhook>();
  readonly deliveries: ModelDelivery[] = [];
  readonly #callerIds = new Map<string, EventId>();

  constructor(version: number) {
    this.version = version;
  }

  addWebhook(id: number): void {
    this.version += 1;
    this.webhooks.set(id, { status: 'active', consecutiveFailures: 0 });
  }

  /** @returns whether there was something to delete */
  deleteWebhook(id: number): boolean {
    const webhook = this.webhook(id);
    if (webhook.status === 'deleted') return false;
    webhook.status = 'deleted';
    this.version += 1;
    return true;
  }

  record({ eventId, webhookId, attempt, next }: RecordEntry, owned: boolean): RecordResult {
    if (!owned) return 'not_owner';
    const delivery = this.deliveries.find(
      (found) => found.eventId === eventId && found.webhookId === webhookId,
    );
    if (attempt.number !== (delivery?.attemptCount ?? 0) + 1 || !delivery) return 'gone';
    const status = transition(delivery.status, BY[next.status]);
    // Canceled while it was in flight: the attempt is kept, and canceled stands.
    if (status === undefined && delivery.status !== 'canceled') return 'gone';
    const webhook = this.webhook(webhookId);
    if (status) {
      delivery.status = status;
      delivery.nextAttemptAt = next.status === 'pending' ? next.nextAttemptAt : null;
      if (next.status === 'canceled' && webhook.status === 'active') {
        webhook.status = 'disabled';
        this.version += 1;
      }
    }
    delivery.attemptCount = attempt.number;
    if (attempt.outcome === 'delivered') webhook.consecutiveFailures = 0;
    else webhook.consecutiveFailures += 1;
    return 'recorded';
  }

  accept({ event, accountVersion, deliveries }: AcceptEntry): AcceptResult {
    if (accountVersion !== this.version) return { kind: 'stale' };
    const known = this.#callerIds.get(event.callerEventId ?? '');
    if (known) {
      const count = this.deliveries.filter(({ eventId }) => eventId === known).length;
      return { kind: 'duplicate', eventId: known, deliveries: count };
    }
    if (event.callerEventId !== null) this.#callerIds.set(event.callerEventId, event.id);
    for (const { webhookId } of deliveries) {
      this.deliveries.push({
        eventId: event.id,
        webhookId,
        status: 'pending',
        attemptCount: 0,
        nextAttemptAt: acceptedAt(event.id),
      });
    }
    return { kind: 'accepted' };
  }

  /** Which ones are canceled is the store's choice; that it may cancel them is not. */
  cancel(keys: readonly DeliveryKey[]): void {
    for (const { eventId, webhookId } of keys) {
      const delivery = this.pendingOf(webhookId).find((found) => found.eventId === eventId);
      assert.ok(delivery && this.webhook(webhookId).status !== 'active');
      delivery.status = transition(delivery.status, 'cancel') ?? delivery.status;
      delivery.nextAttemptAt = null;
    }
  }

  /** In the order in which they are due. */
  pendingOf(webhookId: number): ModelDelivery[] {
    return this.deliveries
      .filter((delivery) => delivery.webhookId === webhookId && delivery.status === 'pending')
      .toSorted((a, b) => {
        const sooner = (a.nextAttemptAt ?? 0) - (b.nextAttemptAt ?? 0);
        return sooner === 0 ? (a.eventId < b.eventId ? -1 : 1) : sooner;
      });
  }

  webhook(id: number): ModelWebhook {
    const webhook = this.webhooks.get(id);
    assert.ok(webhook);
    return webhook;
  }
}
