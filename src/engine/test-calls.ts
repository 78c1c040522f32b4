import type { Attempt } from '../domain/attempt.ts';
import { PosthornError } from '../domain/errors.ts';
import type { DeliveryKey, EventId } from '../domain/ids.ts';
import type { Webhook } from '../domain/webhook.ts';
import { deliver, type Delivered, type DeliverySettings, type SendsRequests } from './deliver.ts';

/** Outside of the queue nothing else bounds them. */
const MAX_AT_ONCE = 16;

/** The sample that a person has sent to a webhook, to see what it answers. */
export interface TestCall {
  readonly eventType: string;
  readonly body: string;
}

/** Sends samples beside the queue: guarded, signed and sent as deliveries are, and not stored. */
export class TestCalls {
  readonly #sender: SendsRequests;
  readonly #settings: DeliverySettings;
  readonly #newEventId: () => EventId;
  #underWay = 0;

  constructor(sender: SendsRequests, settings: DeliverySettings, newEventId: () => EventId) {
    this.#sender = sender;
    this.#settings = settings;
    this.#newEventId = newEventId;
  }

  /** @throws PosthornError `overloaded` where too many are under way */
  async send(
    webhook: Webhook,
    { eventType, body }: TestCall,
  ): Promise<{ key: DeliveryKey; attempt: Attempt }> {
    if (this.#underWay >= MAX_AT_ONCE) {
      throw new PosthornError('overloaded', 'Too many test calls are under way; try again');
    }
    const key = { eventId: this.#newEventId(), webhookId: webhook.id };
    const delivery = {
      ...key,
      accountId: webhook.accountId,
      webhookVersion: webhook.version,
      attemptCount: 0,
      nextAttemptAt: 0,
      createdAt: 0,
      eventType,
      body,
    };
    this.#underWay += 1;
    try {
      const { attempt } = await new Promise<Delivered>((ended) => {
        deliver(delivery, { webhook }, this.#sender, this.#settings, ended);
      });
      return { key, attempt };
    } finally {
      this.#underWay -= 1;
    }
  }
}
