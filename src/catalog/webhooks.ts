import { PosthornError } from '../domain/errors.ts';
import { newSecret } from '../domain/signature.ts';
import type { NewWebhook, Webhook, WebhookDefinition } from '../domain/webhook.ts';
import type { CatalogStore, CreateWebhookResult } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { cancelAllPending } from './cancel-pending.ts';
import type { CatalogListener } from './listener.ts';

export interface WebhooksParts {
  readonly store: Pick<
    CatalogStore,
    'createWebhook' | 'updateWebhook' | 'deleteWebhook' | 'cancelPending'
  >;
  readonly listener: Pick<CatalogListener, 'webhookChanged'>;
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
}

export function noSuchWebhook(id: number): PosthornError {
  return new PosthornError('not_found', `There is no webhook ${id}`);
}

function similarExists(id: number): PosthornError {
  return new PosthornError(
    'similar_webhook_exists',
    `Webhook ${id} has the same URL and target but another definition; ` +
      'update it, or send force_create: true to make a second one',
    { extra: { existing_webhook_id: id } },
  );
}
