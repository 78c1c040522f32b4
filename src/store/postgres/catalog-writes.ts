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
import type { Campaign, CatalogStore, CreateWebhookResult, WebhookChange } from '../store.ts';
import type { Vault } from '../vault.ts';
import { toCampaign, type CampaignRow } from './look-rows.ts';
import type { Mention, Registrar } from './registrar.ts';
import { inOrder, type Session } from './session.ts';
import type { SessionPool } from './session-pool.ts';
import {
  changeWebhook,
  insertWebhook,
  LOCK_SHARD,
  lockAccounts,
  raiseVersion,
  selectWebhooks,
} from './webhook-rows.ts';

const SIMILAR_WEBHOOKS = {
  name: 'similar_webhooks',
  text: `SELECT id FROM webhook WHERE account_id = $1 AND association = $2
      AND target_id IS NOT DISTINCT FROM $3::bigint AND md5(normalized_url) = md5($4)
      AND normalized_url = $4 AND status <> 'deleted' ORDER BY id`,
};

const CANCEL_PENDING = {
  name: 'cancel_pending',
  text: `WITH pending AS (
      SELECT ctid AS place FROM queue WHERE webhook_id = $1
        AND EXISTS (SELECT 1 FROM webhook WHERE id = $1 AND status IN ('deleted', 'disabled'))
      ORDER BY event_id LIMIT $2
    ), left_queue AS (
      DELETE FROM queue q USING pending p
      WHERE q.ctid = p.place
      RETURNING q.account_id, q.event_id, q.webhook_id, q.webhook_version, q.attempt_count, q.created_at
    )
    INSERT INTO delivery (account_id, event_id, webhook_id, webhook_version, status, attempt_count,
      created_at, ended_at, after_redo)
    SELECT account_id, event_id, webhook_id, webhook_version, 'canceled', attempt_count, created_at, $3::bigint,
      (SELECT redo_id FROM shard WHERE id = $4)
    FROM left_queue RETURNING 1`,
};

const DECLARE_CAMPAIGN = {
  name: 'declare_campaign',
  text: `UPDATE campaign SET name = coalesce($3, name), client_id = coalesce($4, client_id),
      status = coalesce($5, status), updated_at = $6
    WHERE account_id = $1 AND id = $2 RETURNING *`,
};

const CAMPAIGN = {
  name: 'campaign_before',
  text: 'SELECT * FROM campaign WHERE account_id = $1 AND id = $2',
};

export interface CatalogWritesParts {
  readonly pool: SessionPool;
  readonly registrar: Registrar;
  readonly vault: Vault;
  /** Called when a change of an account has been committed. */
  accountChanged(accountId: number, version: number): void;
}

/** Changes of what is registered: each is one transaction, which holds its account's row. */
export class CatalogWrites {
  readonly #parts: CatalogWritesParts;

  constructor(parts: CatalogWritesParts) {
    this.#parts = parts;
  }

  async createWebhook(given: NewWebhook, force: boolean): Promise<CreateWebhookResult> {
    const { result, mentions } = await this.#parts.pool.transaction(async (session) => {
      await lockAccounts(session, [given.accountId]);
      return this.#create(session, given, force);
    });
    this.#registered(mentions);
    if (result.kind === 'created') this.#changed(result.webhook);
    return result;
  }

  async updateWebhook(
    accountId: number,
    id: number,
    changes: Partial<WebhookDefinition>,
  ): Promise<Webhook | undefined> {
    return (await this.#change(accountId, id, () => changes))?.webhook;
  }

  async deleteWebhook(accountId: number, id: number): Promise<Webhook | undefined> {
    return (await this.#change(accountId, id, (webhook) => statusChange(webhook, 'delete')))
      ?.webhook;
  }

  moveWebhook(
    accountId: number,
    id: number,
    by: Parameters<CatalogStore['moveWebhook']>[2],
  ): Promise<WebhookChange | undefined> {
    return this.#change(accountId, id, (webhook) => statusChange(webhook, by));
  }

  rotateSecret(
    accountId: number,
    id: number,
    secret: string,
    overlapMs: number,
  ): Promise<WebhookChange | undefined> {
    return this.#change(accountId, id, (webhook, now) => rotation(webhook, secret, overlapMs, now));
  }

  /** Holds the shard against records meanwhile: they take the same rows, in another order. */
  cancelPending(webhookId: number, limit: number): Promise<number> {
    return this.#parts.pool.transaction(async (session) => {
      const [, canceled] = await inOrder([
        session.query(LOCK_SHARD, [shardOf(webhookId)]),
        session.query(CANCEL_PENDING, [webhookId, limit, Date.now(), shardOf(webhookId)]),
      ]);
      return canceled.length;
    });
  }

  async declareCampaign(
    accountId: number,
    id: number,
    fields: Parameters<CatalogStore['declareCampaign']>[2],
  ): Promise<{ campaign: Campaign; version: number }> {
    const { campaign, version, raised, mentions } = await this.#parts.pool.transaction((session) =>
      this.#declare(session, accountId, id, fields),
    );
    this.#registered(mentions);
    if (raised) this.#parts.accountChanged(accountId, version);
    return { campaign, version };
  }

  async #create(
    session: Session,
    given: NewWebhook,
    force: boolean,
  ): Promise<{ result: CreateWebhookResult; mentions: readonly Mention[] }> {
    const targetHasEvents = await hasEvents(session, given);
    const none: readonly Mention[] = [];
    if (!force) {
      const similar = await similarTo(session, given, this.#parts.vault);
      const same = similar.find((webhook) => sameDefinition(webhook, given));
      if (same)
        return { result: { kind: 'existing', webhook: same, targetHasEvents }, mentions: none };
      if (similar[0]) return { result: { kind: 'similar', webhook: similar[0] }, mentions: none };
    }
    const now = Date.now();
    const webhook = await insertWebhook(session, madeWebhook(given, now), this.#parts.vault);
    const mentions = await this.#register(session, mentionsOf(given, now));
    return { result: { kind: 'created', webhook, targetHasEvents }, mentions };
  }

  /** @param decide what to change: null for nothing, undefined where it is not allowed */
  async #change(
    accountId: number,
    id: number,
    decide: (webhook: Webhook, now: number) => WebhookChanges | null | undefined,
  ): Promise<WebhookChange | undefined> {
    const none: readonly Mention[] = [];
    const { vault } = this.#parts;
    const done = await this.#parts.pool.transaction(async (session) => {
      await lockAccounts(session, [accountId]);
      const [webhook] = await selectWebhooks(session, [id], vault);
      if (!webhook || webhook.accountId !== accountId || webhook.status === 'deleted') return;
      const now = Date.now();
      const changes = decide(webhook, now);
      if (changes === undefined) return { outcome: 'refused' as const, webhook, mentions: none };
      if (changes === null) return { outcome: 'unchanged' as const, webhook, mentions: none };
      const changed = await changeWebhook(session, webhook, changes, { now, vault });
      const mentions = await this.#register(session, mentionsOf(changed, now));
      return { outcome: 'changed' as const, webhook: changed, mentions };
    });
    if (!done) return undefined;
    const { mentions, ...change } = done;
    this.#registered(mentions);
    // Also where it was so already: whoever changed it may not have been able to tell.
    if (change.outcome !== 'refused') this.#changed(change.webhook);
    return change;
  }

  async #declare(
    session: Session,
    accountId: number,
    id: number,
    { name, clientId, status }: Parameters<CatalogStore['declareCampaign']>[2],
  ) {
    const now = Date.now();
    const before = (await lockAccounts(session, [accountId])).get(accountId);
    if (before === undefined) throw new Error(`There is no account ${accountId}`);
    const named: Mention[] = [{ kind: 'campaign', accountId, id, at: now }];
    if (clientId !== null) named.push({ kind: 'client', accountId, id: clientId, at: now });
    const mentions = await this.#register(session, named);
    const [old] = await session.query<CampaignRow>(CAMPAIGN, [accountId, id]);
    const [row] = await session.query<CampaignRow>(DECLARE_CAMPAIGN, [
      accountId,
      id,
      name,
      clientId,
      status,
      now,
    ]);
    if (!old || !row) throw new Error(`Campaign ${id} was registered and is not there`);
    const raised = old.client_id !== row.client_id;
    const version = raised ? await raiseVersion(session, accountId) : before;
    return { campaign: toCampaign(row), version, raised, mentions };
  }

  async #register(session: Session, mentions: Iterable<Mention>): Promise<readonly Mention[]> {
    const unknown = this.#parts.registrar.unknown(mentions);
    await this.#parts.registrar.register(session, unknown);
    return unknown;
  }

  #registered(mentions: readonly Mention[]): void {
    this.#parts.registrar.remember(mentions);
  }

  #changed({ accountId, version }: Webhook): void {
    this.#parts.accountChanged(accountId, version);
  }
}

async function similarTo(session: Session, given: NewWebhook, vault: Vault): Promise<Webhook[]> {
  const { accountId, association, targetId, url } = given;
  const values = [accountId, association, targetId, normalizedUrl(url)];
  const ids = await session.query<{ id: number }>(SIMILAR_WEBHOOKS, values);
  return ids.length === 0
    ? []
    : selectWebhooks(
        session,
        ids.map(({ id }) => id),
        vault,
      );
}

async function hasEvents(
  session: Session,
  { accountId, association, targetId }: NewWebhook,
): Promise<boolean> {
  if (association !== CLIENT_LEVEL && association !== CAMPAIGN_LEVEL) return true;
  const column = association === CLIENT_LEVEL ? 'client_id' : 'campaign_id';
  const text = `SELECT 1 FROM event WHERE account_id = $1 AND ${column} = $2 LIMIT 1`;
  return (
    (await session.query({ name: `has_events_${column}`, text }, [accountId, targetId])).length > 0
  );
}

function* mentionsOf(
  webhook: WebhookScope & WebhookDefinition & { readonly accountId: number },
  at: number,
): Generator<Mention> {
  const { accountId, association, targetId } = webhook;
  if (association === CAMPAIGN_LEVEL && targetId !== null) {
    yield { kind: 'campaign', accountId, id: targetId, at };
  }
  if (association === CLIENT_LEVEL && targetId !== null) {
    yield { kind: 'client', accountId, id: targetId, at };
  }
  for (const id of Object.keys(webhook.categoryIdMap ?? {})) {
    yield { kind: 'category', accountId, id: Number(id), at };
  }
}
