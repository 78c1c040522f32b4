import type { AccountSnapshot } from '../store.ts';
import { numberArray } from './arrays.ts';
import type { Vault } from '../vault.ts';
import type { SessionPool } from './session-pool.ts';
import { toWebhook, WEBHOOK_COLUMNS, WEBHOOK_TABLES, type WebhookRow } from './webhook-rows.ts';

const FIRST = 'SELECT webhook_id, next_attempt_at FROM queue';
const IN_ORDER = 'ORDER BY shard, webhook_id, next_attempt_at, event_id LIMIT 1';

/**
 * Steps from one webhook to the next in the index: 10 look-ups for 10 webhooks, however long the queue.
 * In the order of `queue_due` down to the last column: in that of fewer the planner also takes the
 * primary key, which a step without a hit walks to its end. Beside a transaction held open that was
 * once for each shard over all that had died since: 1.6 s after 40 s of load, instead of 0.04.
 */
const PENDING_WEBHOOKS = {
  name: 'pending_webhooks',
  text: `WITH RECURSIVE lane (shard, id, next_attempt_at) AS (
      SELECT s.id, first.* FROM unnest($1::bigint[]) AS s (id)
        CROSS JOIN LATERAL (${FIRST} WHERE shard = s.id ${IN_ORDER}) AS first
      UNION ALL
      SELECT lane.shard, next.* FROM lane CROSS JOIN LATERAL (
        ${FIRST} WHERE shard = lane.shard AND webhook_id > lane.id ${IN_ORDER}) AS next
    )
    SELECT w.account_id AS "accountId", lane.id AS "webhookId",
      lane.next_attempt_at AS "nextAttemptAt"
    FROM lane CROSS JOIN LATERAL (
      SELECT account_id FROM webhook WHERE id = lane.id AND status = 'active' OFFSET 0) AS w`,
};

/** Stopped webhooks whose pending deliveries a crash left uncanceled. */
const WEBHOOKS_TO_CANCEL = {
  name: 'webhooks_to_cancel',
  text: `SELECT id FROM webhook WHERE status IN ('disabled', 'deleted')
    AND (SELECT 1 FROM queue WHERE webhook_id = webhook.id ORDER BY event_id LIMIT 1) IS NOT NULL`,
};

export const VERSION = {
  name: 'account_version',
  text: 'SELECT version FROM account WHERE id = $1',
};

const VERSIONS = {
  name: 'account_versions',
  text: 'SELECT id, version FROM account WHERE id = ANY ($1::bigint[])',
};

const WEBHOOKS = {
  name: 'account_webhooks',
  text: `SELECT ${WEBHOOK_COLUMNS} FROM ${WEBHOOK_TABLES}
    WHERE w.account_id = $1 AND w.status <> 'deleted' ORDER BY w.id`,
};

const CAMPAIGN_CLIENTS = {
  name: 'campaign_clients',
  text: 'SELECT id, client_id FROM campaign WHERE account_id = $1 AND client_id IS NOT NULL',
};

/** What matching and dispatching read. */
export class DispatchReads {
  readonly #pool: SessionPool;

  readonly #vault: Vault;

  constructor(pool: SessionPool, vault: Vault) {
    this.#pool = pool;
    this.#vault = vault;
  }

  async account(accountId: number): Promise<AccountSnapshot> {
    const [versions, webhooks, campaigns] = await this.#pool.snapshot((session) => [
      session.query<{ version: number }>(VERSION, [accountId]),
      session.query<WebhookRow>(WEBHOOKS, [accountId]),
      session.query<{ id: number; client_id: number }>(CAMPAIGN_CLIENTS, [accountId]),
    ]);
    const version = versions[0]?.version;
    if (version === undefined) throw new Error(`There is no account ${accountId}`);
    return {
      accountId,
      version,
      webhooks: webhooks.map((row) => toWebhook(row, this.#vault)),
      campaignClients: new Map(campaigns.map(({ id, client_id: clientId }) => [id, clientId])),
    };
  }

  async accountVersions(accountIds: readonly number[]): Promise<Map<number, number>> {
    const rows = await this.#pool.run((session) =>
      session.query<{ id: number; version: number }>(VERSIONS, [numberArray(accountIds)]),
    );
    return new Map(rows.map(({ id, version }) => [id, version]));
  }

  pendingWebhooks(
    shards: readonly number[],
  ): Promise<{ accountId: number; webhookId: number; nextAttemptAt: number }[]> {
    return this.#pool.run((session) => session.query(PENDING_WEBHOOKS, [numberArray(shards)]));
  }

  async webhooksToCancel(): Promise<number[]> {
    const rows = await this.#pool.run((session) =>
      session.query<{ id: number }>(WEBHOOKS_TO_CANCEL),
    );
    return rows.map(({ id }) => id);
  }
}
