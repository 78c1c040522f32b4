import type Database from 'better-sqlite3';
import {
  normalizedUrl,
  type AssociationType,
  type Webhook,
  type WebhookChanges,
  type WebhookStatus,
} from '../../domain/webhook.ts';
import { healthReset, type HealthReset } from '../../domain/webhook-changes.ts';
import { openSecrets, sealSecrets } from '../sealed-webhook.ts';
import type { Vault } from '../vault.ts';
import { policyOf, policyValues, POLICY_COLUMNS, type PolicyRow } from '../policy-columns.ts';

/** A webhook with its present version's definition, as the columns below give it. */
export interface WebhookRow extends PolicyRow<string | null, string | null> {
  readonly id: number;
  readonly account_id: number;
  readonly association: AssociationType;
  readonly target_id: number | null;
  readonly secret: string;
  readonly previous_secret: string | null;
  readonly previous_valid_until: number | null;
  readonly status: WebhookStatus;
  readonly disabled_reason: string | null;
  readonly version: number;
  readonly created_at: number;
  readonly updated_at: number;
  readonly name: string | null;
  readonly url: string;
  readonly event_type_map: string | null;
  readonly category_id_map: string | null;
  readonly webhook_type: string | null;
}

export const WEBHOOK_COLUMNS = `w.id, w.account_id, w.association, w.target_id, w.secret, w.status,
  w.disabled_reason, w.version, w.created_at, w.updated_at, v.name, v.url, v.event_type_map,
  v.category_id_map, v.webhook_type, w.previous_secret, w.previous_valid_until,
  ${POLICY_COLUMNS.map((column) => `w.${column}`).join(', ')}`;

export const WEBHOOK_TABLES =
  'webhook w JOIN webhook_version v ON v.webhook_id = w.id AND v.version = w.version';

export function toWebhook(row: WebhookRow, vault: Vault): Webhook {
  const stored = storedWebhook(row);
  return { ...stored, ...openSecrets(stored, vault) };
}

/** With its secrets as they are stored. */
export function storedWebhook(row: WebhookRow): Webhook {
  return {
    id: row.id,
    accountId: row.account_id,
    association: row.association,
    targetId: row.target_id,
    name: row.name,
    url: row.url,
    eventTypeMap: fromJson(row.event_type_map),
    categoryIdMap: fromJson(row.category_id_map),
    webhookType: row.webhook_type,
    ...policyOf({
      ...row,
      retry_schedule: row.retry_schedule === null ? null : JSON.parse(row.retry_schedule),
      headers: row.headers === null ? null : JSON.parse(row.headers),
    }),
    secret: row.secret,
    previousSecret: previousSecretOf(row),
    status: row.status,
    disabledReason: row.disabled_reason,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function previousSecretOf(row: WebhookRow): Webhook['previousSecret'] {
  const { previous_secret: secret, previous_valid_until: validUntil } = row;
  return secret === null || validUntil === null ? null : { secret, validUntil };
}

export function fromJson(text: string | null): Readonly<Record<string, boolean>> | null {
  return text === null ? null : (JSON.parse(text) as Record<string, boolean>);
}

function toJson(map: Readonly<Record<string, boolean>> | null): string | null {
  return map && JSON.stringify(map);
}

/**
 * Changes of webhooks inside a transaction. Each raises its account's version by one and keeps what
 * the webhook was from that version on, so that a delivery's body and the answer to "why not" stay
 * what they were.
 */
export class WebhookRows {
  readonly #raise: Database.Statement<[number], number>;
  readonly #select: Database.Statement<[number], WebhookRow>;
  readonly #insert: Database.Statement;
  readonly #insertVersion: Database.Statement;
  readonly #update: Database.Statement;
  readonly #resetHealth: Database.Statement;

  readonly #vault: Vault;

  constructor(database: Database.Database, vault: Vault) {
    this.#vault = vault;
    this.#raise = database
      .prepare<[number], number>(
        'UPDATE account SET version = version + 1 WHERE id = ? RETURNING version',
      )
      .pluck();
    this.#select = database.prepare(
      `SELECT ${WEBHOOK_COLUMNS} FROM ${WEBHOOK_TABLES} WHERE w.id = ?`,
    );
    this.#insert = database.prepare(
      `INSERT INTO webhook (account_id, association, target_id, normalized_url, secret, status,
         version, created_at, updated_at, ${POLICY_COLUMNS.join(', ')})
       VALUES (?, ?, ?, ?, ?, 'active', ?, ?, ?${', ?'.repeat(POLICY_COLUMNS.length)})`,
    );
    this.#insertVersion = database.prepare(
      `INSERT INTO webhook_version (webhook_id, version, status, name, url, event_type_map,
         category_id_map, webhook_type, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#update = database.prepare(
      `UPDATE webhook SET normalized_url = ?, status = ?, disabled_reason = ?, version = ?,
         updated_at = ?, secret = ?, previous_secret = ?, previous_valid_until = ?,
         ${POLICY_COLUMNS.map((column) => `${column} = ?`).join(', ')} WHERE id = ?`,
    );
    this.#resetHealth = database.prepare(
      `UPDATE webhook_health SET consecutive_failures = ${ifOpen('consecutive_failures', '0')},
         failing_since = ${ifOpen('@now', 'NULL')}, exhausted_at = NULL,
         probe_at = ${ifOpen('@now', 'NULL')}, failed_probes = ${ifOpen('0', 'NULL')}
       WHERE webhook_id = @id`,
    );
  }

  /** See `healthReset`: what is failing elsewhere has an open breaker, and lets a probe through now. */
  #reset(id: number, how: HealthReset, now: number): void {
    this.#resetHealth.run({ id, elsewhere: how === 'elsewhere' ? 1 : 0, now });
  }

  /** The account's next version. Throws where there is no such account. */
  raiseVersion(accountId: number): number {
    const version = this.#raise.get(accountId);
    if (version === undefined) throw new Error(`There is no account ${accountId}`);
    return version;
  }

  get(id: number): Webhook | undefined {
    const row = this.#select.get(id);
    return row && toWebhook(row, this.#vault);
  }

  insert(webhook: Omit<Webhook, 'id' | 'version'>): Webhook {
    const version = this.raiseVersion(webhook.accountId);
    const sealed = sealSecrets(webhook, this.#vault);
    const { lastInsertRowid } = this.#insert.run(
      webhook.accountId,
      webhook.association,
      webhook.targetId,
      normalizedUrl(webhook.url),
      sealed.secret,
      version,
      webhook.createdAt,
      webhook.updatedAt,
      ...policyValues({ ...webhook, headers: sealed.headers }),
    );
    const inserted = { ...webhook, id: Number(lastInsertRowid), version };
    this.#keepVersion(inserted);
    return inserted;
  }

  change(webhook: Webhook, changes: WebhookChanges, now: number): Webhook {
    const version = this.raiseVersion(webhook.accountId);
    const changed = { ...webhook, ...changes, version, updatedAt: now };
    const sealed = sealSecrets(changed, this.#vault);
    this.#update.run(
      normalizedUrl(changed.url),
      changed.status,
      changed.disabledReason,
      version,
      now,
      sealed.secret,
      sealed.previousSecret?.secret ?? null,
      sealed.previousSecret?.validUntil ?? null,
      ...policyValues({ ...changed, headers: sealed.headers }),
      changed.id,
    );
    this.#keepVersion(changed);
    const reset = healthReset(webhook, changed);
    if (reset) this.#reset(webhook.id, reset, now);
    return changed;
  }

  #keepVersion(webhook: Webhook): void {
    this.#insertVersion.run(
      webhook.id,
      webhook.version,
      webhook.status,
      webhook.name,
      webhook.url,
      toJson(webhook.eventTypeMap),
      toJson(webhook.categoryIdMap),
      webhook.webhookType,
      webhook.updatedAt,
    );
  }
}

function ifOpen(then: string, other: string): string {
  return `iif(@elsewhere AND probe_at IS NOT NULL, ${then}, ${other})`;
}
