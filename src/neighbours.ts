import type { AccountCache } from './catalog/account-cache.ts';
import type { Webhook } from './domain/webhook.ts';
import type { RetriedDelivery, SignalListener, WebhookName } from './store/signal-store.ts';
import type { CatalogStore } from './store/store.ts';
import type { Log } from './telemetry/log.ts';

/** What of the engine hears of other nodes. */
export interface HearsOfNodes {
  acceptedElsewhere(webhooks: readonly WebhookName[]): void;
  retried(deliveries: readonly RetriedDelivery[]): void;
  lookAgain(): void;
  webhooksInHand(accountId?: number): Webhook[];
  webhookChanged(webhook: Webhook): void;
}

export interface NeighboursParts {
  readonly store: Pick<CatalogStore, 'accountVersions'>;
  readonly accounts: AccountCache;
  readonly engine: HearsOfNodes;
  readonly log: Log;
}

/** Takes in what other nodes say: an account that they changed is read again, and holds here too. */
export class Neighbours implements SignalListener {
  readonly #parts: NeighboursParts;

  constructor(parts: NeighboursParts) {
    this.#parts = parts;
  }

  pending(webhooks: readonly WebhookName[]): void {
    this.#parts.engine.acceptedElsewhere(webhooks);
  }

  retried(deliveries: readonly RetriedDelivery[]): void {
    this.#parts.engine.retried(deliveries);
  }

  accountChanged(accountId: number, version: number): void {
    this.#try('take over a change of an account', this.#takeOver(accountId, version));
  }

  missed(): void {
    this.#parts.engine.lookAgain();
    this.#try('look for changes of accounts', this.#lookForChanges());
  }

  async #lookForChanges(): Promise<void> {
    const { accounts, engine, store } = this.#parts;
    const inHand = engine.webhooksInHand().map(({ accountId }) => accountId);
    const versions = await store.accountVersions([...new Set([...accounts.ids(), ...inHand])]);
    for (const [accountId, version] of versions) await this.#bringUpToDate(accountId, version);
    this.#tellEngine(engine.webhooksInHand());
  }

  async #takeOver(accountId: number, version: number): Promise<void> {
    const { accounts, engine } = this.#parts;
    // Who neither matches nor sends for it here reads it when that begins.
    if (!accounts.get(accountId) && engine.webhooksInHand(accountId).length === 0) return;
    await this.#bringUpToDate(accountId, version);
    this.#tellEngine(engine.webhooksInHand(accountId));
  }

  async #bringUpToDate(accountId: number, version: number): Promise<void> {
    const { accounts } = this.#parts;
    const known = accounts.get(accountId);
    if (!known || known.version < version) await accounts.reload(accountId, version);
  }

  /** Also where the copy was up to date already: whoever read it may not have told the engine. */
  #tellEngine(inHand: readonly Webhook[]): void {
    const { accounts, engine } = this.#parts;
    for (const webhook of inHand) {
      const account = accounts.get(webhook.accountId);
      if (!account) continue;
      engine.webhookChanged(account.webhooks.get(webhook.id) ?? deleted(webhook, account.version));
    }
  }

  #try(task: string, work: Promise<void>): void {
    // The next signal, or the next `missed`, brings what this one did not.
    work.catch((error: unknown) => this.#parts.log.taskFailed(task, error));
  }
}

/** A copy of an account has no deleted webhooks: what is not in it any more is deleted. */
function deleted(webhook: Webhook, version: number): Webhook {
  return { ...webhook, status: 'deleted', disabledReason: null, version };
}
