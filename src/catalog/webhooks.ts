import { PosthornError } from '../domain/errors.ts';
import { newSecret } from '../domain/signature.ts';
import type { NewWebhook, Webhook, WebhookDefinition } from '../domain/webhook.ts';
import type { CatalogStore, CreateWebhookResult, LookStore } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { cancelAllPending } from './cancel-pending.ts';
import type { CatalogListener } from './listener.ts';

export interface WebhooksParts {
  readonly store: Pick<
    CatalogStore,
    | 'createWebhook'
    | 'updateWebhook'
    | 'deleteWebhook'
    | 'moveWebhook'
    | 'rotateSecret'
    | 'cancelPending'
  > &
    Pick<LookStore, 'webhook'>;
  readonly listener: Pick<CatalogListener, 'webhookChanged' | 'webhookResumed'>;
  readonly log: Log;
}

/** What an account does with its webhooks. Each change holds everywhere once the call resolves. */
export class Webhooks {
  readonly #parts: WebhooksParts;

  constructor(parts: WebhooksParts) {
    this.#parts = parts;
  }

  /** @throws PosthornError `similar_webhook_exists` unless `force` or the definition is the same */
  async create(
    webhook: Omit<NewWebhook, 'secret'>,
    force: boolean,
  ): Promise<Exclude<CreateWebhookResult, { kind: 'similar' }>> {
    const { store, listener, log } = this.#parts;
    const result = await store.createWebhook({ ...webhook, secret: newSecret() }, force);
    if (result.kind === 'similar') throw similarExists(result.webhook.id);
    if (result.kind === 'created') {
      await listener.webhookChanged(result.webhook);
      log.webhookCreated(result.webhook);
    }
    return result;
  }

  async update(
    accountId: number,
    id: number,
    changes: Partial<WebhookDefinition>,
  ): Promise<Webhook> {
    const { store, listener, log } = this.#parts;
    const webhook = await store.updateWebhook(accountId, id, changes);
    if (!webhook) throw noSuchWebhook(id);
    await listener.webhookChanged(webhook);
    log.webhookUpdated(webhook);
    return webhook;
  }

  /** Its pending deliveries become canceled; history stays. */
  async delete(accountId: number, id: number): Promise<void> {
    const { store, listener, log } = this.#parts;
    const webhook = await store.deleteWebhook(accountId, id);
    if (!webhook) throw noSuchWebhook(id);
    await listener.webhookChanged(webhook);
    log.webhookDeleted(webhook, await cancelAllPending(store, id));
  }

  /** Events go on matching, and wait. */
  async pause(accountId: number, id: number): Promise<void> {
    const { store, listener, log } = this.#parts;
    const result = await store.moveWebhook(accountId, id, 'pause');
    if (!result) throw noSuchWebhook(id);
    if (result.outcome === 'refused') throw cannotPause(result.webhook);
    // Also where it was paused already: whoever paused it may not have been able to tell.
    await listener.webhookChanged(result.webhook);
    if (result.outcome === 'changed') log.webhookPaused(result.webhook);
  }

  /** What waits is sent. What a disabled one had pending is canceled, and stays so. */
  async resume(accountId: number, id: number): Promise<void> {
    const { store, listener, log } = this.#parts;
    const found = await store.webhook(accountId, id);
    if (!found) throw noSuchWebhook(id);
    if (found.webhook.status === 'disabled') await cancelAllPending(store, id);
    const result = await store.moveWebhook(accountId, id, 'resume');
    if (!result) throw noSuchWebhook(id);
    await listener.webhookResumed(result.webhook);
    if (result.outcome === 'changed') log.webhookResumed(result.webhook);
  }

  /** @throws PosthornError `conflict` while the secret before the present one still signs */
  async rotateSecret(accountId: number, id: number, overlapMs: number): Promise<Webhook> {
    const { store, listener, log } = this.#parts;
    const result = await store.rotateSecret(accountId, id, newSecret(), overlapMs);
    if (!result) throw noSuchWebhook(id);
    if (result.outcome === 'refused') throw inOverlap(result.webhook);
    await listener.webhookChanged(result.webhook);
    log.secretRotated(result.webhook);
    return result.webhook;
  }
}

export function noSuchWebhook(id: number): PosthornError {
  return new PosthornError('not_found', `There is no webhook ${id}`);
}

function cannotPause({ id, status }: Webhook): PosthornError {
  return new PosthornError(
    'conflict',
    `Webhook ${id} is ${status}: only an active one can be paused`,
  );
}

function inOverlap({ id, previousSecret }: Webhook): PosthornError {
  const until = new Date(previousSecret?.validUntil ?? 0).toISOString();
  return new PosthornError(
    'conflict',
    `The secret of webhook ${id} was rotated already, and the one before signs until ${until}`,
  );
}

function similarExists(id: number): PosthornError {
  return new PosthornError(
    'similar_webhook_exists',
    `Webhook ${id} has the same URL and target but another definition; ` +
      'update it, or send force_create: true to make a second one',
    { extra: { existing_webhook_id: id } },
  );
}
