import { PosthornError } from '../domain/errors.ts';
import { deliveryId, type DeliveryKey } from '../domain/ids.ts';
import type { NewRedo, Redo } from '../domain/redo.ts';
import type { WebhookStatus } from '../domain/webhook.ts';
import { isStopped } from '../domain/webhook-status.ts';
import type { RedoStore } from '../store/redo-store.ts';
import type { RetriedDelivery, WebhookName } from '../store/signal-store.ts';
import type { LookStore } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { countRedo } from './count-redo.ts';
import { noSuchWebhook } from './webhooks.ts';

/** Who sends: told of what is pending again, and of a redo that goes on. */
export interface RedoListener {
  putBack(webhook: WebhookName): void;
  /** One that was put back is to be sent now. */
  retried(delivery: RetriedDelivery): void;
  redoStarted(): void;
}

export interface RedosParts {
  readonly store: RedoStore & Pick<LookStore, 'webhook'>;
  readonly listener: RedoListener;
  readonly log: Log;
}

/** What a person has sent again: one delivery, those of a range, or those that a webhook missed. */
export class Redos {
  readonly #parts: RedosParts;

  constructor(parts: RedosParts) {
    this.#parts = parts;
  }

  /** One attempt more, now. */
  async retry(accountId: number, key: DeliveryKey): Promise<void> {
    const { store, listener, log } = this.#parts;
    const result = await store.retryDelivery(accountId, key);
    if (!result) throw new PosthornError('not_found', 'There is no such delivery');
    if (result.kind === 'pending') throw pending(key);
    if (result.kind === 'stopped') throw stopped(key.webhookId, result.status);
    listener.retried({ accountId, ...key });
    log.deliveryRetried(key);
  }

  /** How many deliveries it would be about; nothing is changed. */
  async dryRun(asked: NewRedo): Promise<number> {
    const { accountId, webhookId } = asked;
    const found = await this.#parts.store.webhook(accountId, webhookId);
    if (!found) throw noSuchWebhook(webhookId);
    if (isStopped(found.webhook)) throw stopped(webhookId, found.webhook.status);
    return countRedo(this.#parts.store, { ...asked, id: null });
  }

  /** Resolves when it is stored and counted, and its first step is done: a small one is through by then. */
  async start(asked: NewRedo): Promise<Redo> {
    const { store, listener, log } = this.#parts;
    const { accountId, webhookId } = asked;
    const created = await store.createRedo(asked);
    if (!created) throw noSuchWebhook(webhookId);
    if (created.kind === 'stopped') throw stopped(webhookId, created.status);
    const { redo } = created;
    const count = await store.startRedo(redo.id, await countRedo(store, redo));
    log.redoStarted({ ...redo, count });
    const { putBack, ended } = await store.stepRedo(redo);
    if (putBack > 0) listener.putBack({ accountId, webhookId });
    if (ended) log.redoEnded({ ...redo, count });
    else listener.redoStarted();
    return (await store.redo(accountId, redo.id)) ?? { ...redo, count };
  }

  async show(accountId: number, id: number): Promise<Redo> {
    const redo = await this.#parts.store.redo(accountId, id);
    if (!redo) throw new PosthornError('not_found', `There is no redo ${id}`);
    return redo;
  }
}

function pending(key: DeliveryKey): PosthornError {
  return new PosthornError(
    'conflict',
    `Delivery ${deliveryId(key)} is pending or in flight: it is going to be sent anyway`,
  );
}

function stopped(id: number, status: WebhookStatus): PosthornError {
  const sentence =
    status === 'disabled'
      ? `Webhook ${id} is disabled: resume it first`
      : `Webhook ${id} is ${status}: nothing is sent to it any more`;
  return new PosthornError('conflict', sentence);
}
