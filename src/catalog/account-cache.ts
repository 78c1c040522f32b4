import type { Matchable } from '../domain/match.ts';
import type { Webhook } from '../domain/webhook.ts';
import { WebhookIndex } from '../domain/webhook-index.ts';
import type { AccountSnapshot, CatalogStore } from '../store/store.ts';

/** An account as it was at one version, ready to be matched against. */
export class CachedAccount {
  readonly webhooks = new WebhookIndex();
  readonly #campaignClients: Map<number, number>;
  #version: number;

  constructor(snapshot: AccountSnapshot) {
    this.#version = snapshot.version;
    this.#campaignClients = new Map(snapshot.campaignClients);
    for (const webhook of snapshot.webhooks) this.webhooks.put(webhook);
  }

  get version(): number {
    return this.#version;
  }

  /** The client that counts for an event: the one it names, else its campaign's declared one. */
  clientOf(event: Pick<Matchable, 'clientId' | 'campaignId'>): number | null {
    return event.clientId ?? this.declaredClient(event.campaignId);
  }

  declaredClient(campaignId: number): number | null {
    return this.#campaignClients.get(campaignId) ?? null;
  }

  putWebhook(webhook: Webhook): void {
    this.webhooks.put(webhook);
    this.#version = webhook.version;
  }

  putCampaignClient(version: number, campaignId: number, clientId: number): void {
    this.#campaignClients.set(campaignId, clientId);
    this.#version = version;
  }
}

/**
 * Accounts in memory. What is matched here is checked again by the store: an accept whose account
 * has another version by then is refused as stale, and `reload` brings the copy up to date. So the
 * cache may lag, and still no event misses a webhook.
 */
export class AccountCache {
  readonly #store: Pick<CatalogStore, 'account'>;
  readonly #accounts = new Map<number, CachedAccount>();
  readonly #loads = new Map<number, { promise: Promise<CachedAccount>; atLeast: number }>();

  constructor(store: Pick<CatalogStore, 'account'>) {
    this.#store = store;
  }

  get(accountId: number): CachedAccount | undefined {
    return this.#accounts.get(accountId);
  }

  async load(accountId: number): Promise<CachedAccount> {
    return this.#accounts.get(accountId) ?? this.reload(accountId, 0);
  }

  ids(): number[] {
    return [...this.#accounts.keys()];
  }

  /** A webhook; where the copy does not know it, it is read afresh: another node may have made it. */
  async webhook(accountId: number, id: number): Promise<Webhook | undefined> {
    const known = this.#accounts.get(accountId)?.webhooks.get(id);
    return known ?? (await this.reload(accountId, 0)).webhooks.get(id);
  }

  /** Reads the account afresh unless the copy is at `atLeast` already. One read at a time. */
  async reload(accountId: number, atLeast: number): Promise<CachedAccount> {
    const loading = this.#loads.get(accountId);
    if (loading) {
      loading.atLeast = Math.max(loading.atLeast, atLeast);
      return loading.promise;
    }
    const load = { promise: this.#read(accountId), atLeast };
    this.#loads.set(accountId, load);
    try {
      return await load.promise;
    } finally {
      this.#loads.delete(accountId);
    }
  }

  /** Takes over a change that this process made, so that 10,000 creates are not 10,000 reads. */
  webhookChanged(webhook: Webhook): void {
    const account = this.#next(webhook.accountId, webhook.version);
    account?.putWebhook(webhook);
  }

  /**
   * A declaration that left the client as it was carries the version of another change, which has to
   * come by itself. It is told by the copy: where that has the same client at its own version, this is
   * not the change to the next one; where it has another, the next version can be nothing else.
   */
  campaignDeclared(
    accountId: number,
    version: number,
    campaignId: number,
    clientId: number | null,
  ): void {
    const known = this.#accounts.get(accountId)?.declaredClient(campaignId);
    if (clientId === null || clientId === known) return;
    this.#next(accountId, version)?.putCampaignClient(version, campaignId, clientId);
  }

  /** The copy that the change leading to `version` applies to; one that it does not fit is dropped. */
  #next(accountId: number, version: number): CachedAccount | undefined {
    const loading = this.#loads.get(accountId);
    if (loading) loading.atLeast = Math.max(loading.atLeast, version);
    const account = this.#accounts.get(accountId);
    if (!account || account.version >= version) return undefined;
    if (account.version === version - 1) return account;
    this.#accounts.delete(accountId);
    return undefined;
  }

  async #read(accountId: number): Promise<CachedAccount> {
    for (;;) {
      const account = new CachedAccount(await this.#store.account(accountId));
      if (account.version >= (this.#loads.get(accountId)?.atLeast ?? 0)) {
        this.#accounts.set(accountId, account);
        return account;
      }
    }
  }
}
