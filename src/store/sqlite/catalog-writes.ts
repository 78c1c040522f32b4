import type Database from 'better-sqlite3';
import {
  CAMPAIGN_LEVEL,
  CLIENT_LEVEL,
  madeWebhook,
  normalizedUrl,
  sameDefinition,
  type NewWebhook,
  type Webhook,
  type WebhookChanges,
  type WebhookDefinition,
  type WebhookScope,
} from '../../domain/webhook.ts';
import { shardOf } from '../../domain/shard.ts';
import { rotation, statusChange } from '../../domain/webhook-changes.ts';
import type {
  ApiKey,
  Campaign,
  CatalogStore,
  CreateWebhookResult,
  WebhookChange,
} from '../store.ts';
import { toCampaign, type CampaignRow } from './look-rows.ts';
import type { Registrar } from './registrar.ts';
import type { WebhookRows } from './webhook-rows.ts';

/** The categories of a new account; the names are the ones that the API's users know. */
const FIRST_CATEGORIES = [
  'Interested',
  'Not Interested',
  'Meeting Booked',
  'Information Request',
  'Out Of Office',
  'Do Not Contact',
  'Wrong Person',
];

/** Changes of what is registered. Each is called inside a transaction of its own. */
export class CatalogWrites {
  readonly #database: Database.Database;
  readonly #webhooks: WebhookRows;
  readonly #registrar: Registrar;

  constructor(database: Database.Database, webhooks: WebhookRows, registrar: Registrar) {
    this.#database = database;
    this.#webhooks = webhooks;
    this.#registrar = registrar;
  }

  createAccount(name: string): number {
    const now = Date.now();
    const { lastInsertRowid } = this.#database
      .prepare('INSERT INTO account (name, created_at) VALUES (?, ?)')
      .run(name, now);
    const category = this.#database.prepare(
      'INSERT INTO category (account_id, id, name, created_at, updated_at) VALUES (?, ?, ?, ?, ?)',
    );
    FIRST_CATEGORIES.forEach((categoryName, i) =>
      category.run(lastInsertRowid, i + 1, categoryName, now, now),
    );
    return Number(lastInsertRowid);
  }

  createFirstAccount(name: string, keyHash: string): boolean {
    if (this.#database.prepare('SELECT 1 FROM account LIMIT 1').get()) return false;
    this.addApiKey(keyHash, { accountId: this.createAccount(name), clientId: null });
    return true;
  }

  addApiKey(hash: string, key: ApiKey): void {
    this.#database
      .prepare(
        `INSERT INTO api_key (hash, account_id, client_id, created_at) VALUES (?, ?, ?, ?)
         ON CONFLICT DO NOTHING`,
      )
      .run(hash, key.accountId, key.clientId, Date.now());
  }

  createWebhook(given: NewWebhook, force: boolean): CreateWebhookResult {
    const targetHasEvents = this.#targetHasEvents(given);
    if (!force) {
      const similar = this.#similar(given);
      const same = similar.find((webhook) => sameDefinition(webhook, given));
      if (same) return { kind: 'existing', webhook: same, targetHasEvents };
      if (similar[0]) return { kind: 'similar', webhook: similar[0] };
    }
    const now = Date.now();
    const webhook = this.#webhooks.insert(madeWebhook(given, now));
    this.#registerIds(given, now);
    return { kind: 'created', webhook, targetHasEvents };
  }

  updateWebhook(
    accountId: number,
    id: number,
    changes: Partial<WebhookDefinition>,
  ): Webhook | undefined {
    const webhook = this.#present(accountId, id);
    if (!webhook) return;
    const now = Date.now();
    const changed = this.#webhooks.change(webhook, changes, now);
    this.#registerIds(changed, now);
    return changed;
  }

  deleteWebhook(accountId: number, id: number): Webhook | undefined {
    const webhook = this.#present(accountId, id);
    const changes = { status: 'deleted' as const, disabledReason: null };
    return webhook && this.#webhooks.change(webhook, changes, Date.now());
  }

  moveWebhook(
    accountId: number,
    id: number,
    by: Parameters<CatalogStore['moveWebhook']>[2],
  ): WebhookChange | undefined {
    const webhook = this.#present(accountId, id);
    return webhook && this.#changeIfAllowed(webhook, statusChange(webhook, by), Date.now());
  }

  rotateSecret(
    accountId: number,
    id: number,
    secret: string,
    overlapMs: number,
  ): WebhookChange | undefined {
    const webhook = this.#present(accountId, id);
    const now = Date.now();
    return (
      webhook && this.#changeIfAllowed(webhook, rotation(webhook, secret, overlapMs, now), now)
    );
  }

  cancelPending(webhookId: number, limit: number): number {
    const { changes } = this.#database
      .prepare(
        `INSERT INTO delivery (account_id, event_id, webhook_id, webhook_version, status,
           attempt_count, created_at, ended_at, after_redo)
         SELECT account_id, event_id, webhook_id, webhook_version, 'canceled', attempt_count,
           created_at, @now, (SELECT redo_id FROM shard WHERE id = @shard)
         FROM queue WHERE webhook_id = @webhookId
           AND EXISTS (SELECT 1 FROM webhook WHERE id = @webhookId AND status IN ('deleted', 'disabled'))
         ORDER BY event_id LIMIT @limit`,
      )
      .run({ webhookId, now: Date.now(), limit, shard: shardOf(webhookId) });
    if (changes === 0) return 0;
    this.#database
      .prepare(
        `DELETE FROM queue WHERE webhook_id = @webhookId AND event_id IN
           (SELECT event_id FROM queue WHERE webhook_id = @webhookId
            ORDER BY event_id LIMIT @changes)`,
      )
      .run({ webhookId, changes });
    return changes;
  }

  declareCampaign(
    accountId: number,
    id: number,
    fields: Parameters<CatalogStore['declareCampaign']>[2],
  ): { campaign: Campaign; version: number } {
    const now = Date.now();
    this.#registrar.register('campaign', accountId, id, now);
    this.#registrar.register('client', accountId, fields.clientId, now);
    const before = this.#campaign(accountId, id);
    this.#database
      .prepare(
        `UPDATE campaign SET name = coalesce(@name, name), client_id = coalesce(@clientId, client_id),
           status = coalesce(@status, status), updated_at = @now
         WHERE account_id = @accountId AND id = @id`,
      )
      .run({ accountId, id, now, ...fields });
    const campaign = this.#campaign(accountId, id);
    const changed = campaign.clientId !== before.clientId;
    const version = changed ? this.#webhooks.raiseVersion(accountId) : this.#version(accountId);
    return { campaign, version };
  }

  #campaign(accountId: number, id: number): Campaign {
    const row = this.#database
      .prepare<[number, number], CampaignRow>(
        'SELECT * FROM campaign WHERE account_id = ? AND id = ?',
      )
      .get(accountId, id);
    if (!row) throw new Error(`Campaign ${id} was registered and is not there`);
    return toCampaign(row);
  }

  #version(accountId: number): number {
    const version = this.#database
      .prepare<[number], number>('SELECT version FROM account WHERE id = ?')
      .pluck()
      .get(accountId);
    if (version === undefined) throw new Error(`There is no account ${accountId}`);
    return version;
  }

  /** Undefined where the account has no such webhook or it is deleted. */
  #present(accountId: number, id: number): Webhook | undefined {
    const webhook = this.#webhooks.get(id);
    return webhook?.accountId === accountId && webhook.status !== 'deleted' ? webhook : undefined;
  }

  #changeIfAllowed(
    webhook: Webhook,
    changes: WebhookChanges | null | undefined,
    now: number,
  ): WebhookChange {
    if (changes === undefined) return { outcome: 'refused', webhook };
    if (changes === null) return { outcome: 'unchanged', webhook };
    return { outcome: 'changed', webhook: this.#webhooks.change(webhook, changes, now) };
  }

  #similar(given: NewWebhook): Webhook[] {
    const ids = this.#database
      .prepare<unknown[], number>(
        `SELECT id FROM webhook WHERE account_id = ? AND association = ? AND target_id IS ?
           AND normalized_url = ? AND status <> 'deleted' ORDER BY id`,
      )
      .pluck()
      .all(given.accountId, given.association, given.targetId, normalizedUrl(given.url));
    return ids.flatMap((id) => this.#webhooks.get(id) ?? []);
  }

  #targetHasEvents({ accountId, association, targetId }: NewWebhook): boolean {
    if (association !== CLIENT_LEVEL && association !== CAMPAIGN_LEVEL) return true;
    const column = association === CLIENT_LEVEL ? 'client_id' : 'campaign_id';
    return (
      this.#database
        .prepare(`SELECT 1 FROM event WHERE account_id = ? AND ${column} = ? LIMIT 1`)
        .get(accountId, targetId) !== undefined
    );
  }

  #registerIds(
    webhook: WebhookScope & WebhookDefinition & { readonly accountId: number },
    now: number,
  ): void {
    const { accountId, association, targetId } = webhook;
    if (association === CAMPAIGN_LEVEL) {
      this.#registrar.register('campaign', accountId, targetId, now);
    }
    if (association === CLIENT_LEVEL) this.#registrar.register('client', accountId, targetId, now);
    for (const id of Object.keys(webhook.categoryIdMap ?? {})) {
      this.#registrar.register('category', accountId, Number(id), now);
    }
  }
}
