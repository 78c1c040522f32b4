import {
  normalizedUrl,
  type AssociationType,
  type Webhook,
  type WebhookChanges,
  type WebhookStatus,
} from '../../domain/webhook.ts';
import { healthReset, type HealthReset } from '../../domain/webhook-changes.ts';
import { shardOf } from '../../domain/shard.ts';
import { openSecrets, sealSecrets } from '../sealed-webhook.ts';
import type { Vault } from '../vault.ts';
import { numberArray } from './arrays.ts';
import { lookUp } from './look-up.ts';
import { policyOf, policyValues, POLICY_COLUMNS, type PolicyRow } from '../policy-columns.ts';
import type { Session } from './session.ts';

type WantedMap = Readonly<Record<string, boolean>> | null;

/** A webhook with its present version's definition, as the columns below give it. */
export interface WebhookRow extends PolicyRow {
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
  readonly event_type_map: WantedMap;
  readonly category_id_map: WantedMap;
  readonly webhook_type: string | null;
}

export const WEBHOOK_COLUMNS = `w.id, w.account_id, w.association, w.target_id, w.secret, w.status,
  w.disabled_reason, w.version, w.created_at, w.updated_at, v.name, v.url, v.event_type_map,
  v.category_id_map, v.webhook_type, w.previous_secret, w.previous_valid_until,
  ${POLICY_COLUMNS.map((column) => `w.${column}`).join(', ')}`;

export const WEBHOOK_TABLES = `webhook w JOIN webhook_version v
  ON ${lookUp('v.webhook_id', 'w.id')} AND v.version = w.version`;

export const HEALTH_TABLE = `LEFT JOIN LATERAL (SELECT * FROM webhook_health
  WHERE webhook_id = w.id ORDER BY seq DESC LIMIT 1) h ON true`;

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
    eventTypeMap: row.event_type_map,
    categoryIdMap: row.category_id_map,
    webhookType: row.webhook_type,
    ...policyOf(row),
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

function toJson(map: WantedMap): string | null {
  return map && JSON.stringify(map);
}

function ifOpen(then: string, other: string): string {
  return `CASE WHEN $2::bigint = 1 AND h.probe_at IS NOT NULL THEN ${then} ELSE ${other} END`;
}

/** See `healthReset`: what is failing elsewhere has an open breaker, and lets a probe through now. */
const RESET_HEALTH = {
  name: 'reset_health',
  text: `UPDATE webhook_health h SET seq = h.seq + 1,
      consecutive_failures = ${ifOpen('h.consecutive_failures', '0')},
      failing_since = ${ifOpen('$3::bigint', 'NULL')}, exhausted_at = NULL,
      probe_at = ${ifOpen('$3::bigint', 'NULL')}, failed_probes = ${ifOpen('0', 'NULL')}
    WHERE h.webhook_id = $1
      AND h.seq = (SELECT seq FROM webhook_health WHERE webhook_id = $1 ORDER BY seq DESC LIMIT 1)`,
};

export const LOCK_SHARD = {
  name: 'lock_shard',
  text: 'SELECT 1 FROM shard WHERE id = $1 FOR NO KEY UPDATE',
};

/** Always before anything else of an account is changed: so no two changes wait for each other. */
const LOCK_ACCOUNTS = {
  name: 'lock_accounts',
  text: `SELECT id, version FROM account WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE`,
};

const SELECT_WEBHOOKS = {
  name: 'select_webhooks',
  text: `SELECT ${WEBHOOK_COLUMNS} FROM ${WEBHOOK_TABLES}
    WHERE w.id = ANY ($1::bigint[]) ORDER BY w.id`,
};

const RAISE_VERSION = {
  name: 'raise_version',
  text: 'UPDATE account SET version = version + 1 WHERE id = $1 RETURNING version',
};

const INSERT_WEBHOOK = {
  name: 'insert_webhook',
  text: `WITH made AS (
      INSERT INTO webhook (account_id, association, target_id, normalized_url, secret, status,
        version, created_at, updated_at, ${POLICY_COLUMNS.join(', ')})
      VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, $8,
        ${POLICY_COLUMNS.map((_, i) => `$${i + 9}`).join(', ')}) RETURNING id
    ), health AS (
      INSERT INTO webhook_health (webhook_id, seq, consecutive_failures) SELECT id, 0, 0 FROM made
    )
    SELECT id FROM made`,
};

const UPDATE_WEBHOOK = {
  name: 'update_webhook',
  text: `UPDATE webhook SET normalized_url = $1, status = $2, disabled_reason = $3, version = $4,
      updated_at = $5, secret = $7, previous_secret = $8, previous_valid_until = $9,
      ${POLICY_COLUMNS.map((column, i) => `${column} = $${i + 10}`).join(', ')} WHERE id = $6`,
};

const INSERT_VERSION = {
  name: 'insert_version',
  text: `INSERT INTO webhook_version (webhook_id, version, status, name, url, event_type_map,
      category_id_map, webhook_type, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
};

/** The present versions of these accounts, which nobody else changes until the transaction ends. */
export async function lockAccounts(
  session: Session,
  ids: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  const rows = await session.query<{ id: number; version: number }>(LOCK_ACCOUNTS, [
    numberArray(ids),
  ]);
  return new Map(rows.map(({ id, version }) => [id, version]));
}

export async function selectWebhooks(
  session: Session,
  ids: readonly number[],
  vault: Vault,
): Promise<Webhook[]> {
  const rows = await session.query<WebhookRow>(SELECT_WEBHOOKS, [numberArray(ids)]);
  return rows.map((row) => toWebhook(row, vault));
}

/** The account's next version. Throws where there is no such account. */
export async function raiseVersion(session: Session, accountId: number): Promise<number> {
  const [row] = await session.query<{ version: number }>(RAISE_VERSION, [accountId]);
  if (!row) throw new Error(`There is no account ${accountId}`);
  return row.version;
}

export async function insertWebhook(
  session: Session,
  webhook: Omit<Webhook, 'id' | 'version'>,
  vault: Vault,
): Promise<Webhook> {
  const sealed = sealSecrets(webhook, vault);
  const version = await raiseVersion(session, webhook.accountId);
  const [row] = await session.query<{ id: number }>(INSERT_WEBHOOK, [
    webhook.accountId,
    webhook.association,
    webhook.targetId,
    normalizedUrl(webhook.url),
    sealed.secret,
    version,
    webhook.createdAt,
    webhook.updatedAt,
    ...policyValues({ ...webhook, headers: sealed.headers }),
  ]);
  if (!row) throw new Error('A webhook was made without an id');
  const inserted = { ...webhook, id: row.id, version };
  await keepVersion(session, inserted);
  return inserted;
}

/**
 * A change of a webhook raises its account's version by one and keeps what the webhook was from that
 * version on, so that a delivery's body and the answer to "why not" stay what they were.
 */
export async function changeWebhook(
  session: Session,
  webhook: Webhook,
  changes: WebhookChanges,
  { now, vault }: { readonly now: number; readonly vault: Vault },
): Promise<Webhook> {
  const version = await raiseVersion(session, webhook.accountId);
  const changed = { ...webhook, ...changes, version, updatedAt: now };
  const sealed = sealSecrets(changed, vault);
  await session.query(UPDATE_WEBHOOK, [
    normalizedUrl(changed.url),
    changed.status,
    changed.disabledReason,
    version,
    now,
    changed.id,
    sealed.secret,
    sealed.previousSecret?.secret ?? null,
    sealed.previousSecret?.validUntil ?? null,
    ...policyValues({ ...changed, headers: sealed.headers }),
  ]);
  await keepVersion(session, changed);
  const reset = healthReset(webhook, changed);
  if (reset) await resetHealth(session, changed.id, reset, now);
  return changed;
}

/**
 * Holds the shard against records meanwhile: who changes a row of webhook_health without it changes one
 * that a record has replaced, and so none.
 */
async function resetHealth(
  session: Session,
  id: number,
  how: HealthReset,
  now: number,
): Promise<void> {
  await session.query(LOCK_SHARD, [shardOf(id)]);
  await session.query(RESET_HEALTH, [id, how === 'elsewhere' ? 1 : 0, now]);
}

async function keepVersion(session: Session, webhook: Webhook): Promise<void> {
  await session.query(INSERT_VERSION, [
    webhook.id,
    webhook.version,
    webhook.status,
    webhook.name,
    webhook.url,
    toJson(webhook.eventTypeMap),
    toJson(webhook.categoryIdMap),
    webhook.webhookType,
    webhook.updatedAt,
  ]);
}
