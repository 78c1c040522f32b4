import { AccountCache } from './catalog/account-cache.ts';
import { cancelAllPending } from './catalog/cancel-pending.ts';
import type { CatalogListener } from './catalog/listener.ts';
import type { Config } from './config.ts';
import { eventIdMaker } from './domain/ids.ts';
import type { Webhook } from './domain/webhook.ts';
import type { SendsRequests } from './engine/deliver.ts';
import { Dispatcher } from './engine/dispatcher.ts';
import { Janitor } from './engine/janitor.ts';
import { Accept } from './intake/accept.ts';
import { Admission } from './intake/admission.ts';
import type { Intake } from './intake/intake.ts';
import { CommitLoop, type CommitLoopEvents } from './store/commit-loop.ts';
import type { Store } from './store/store.ts';
import type { Log } from './telemetry/log.ts';
import { VERSION } from './version.ts';

export interface CoreParts {
  readonly store: Store;
  readonly sender: SendsRequests;
  readonly log: Log;
}

/**
 * Everything between the HTTP face and the wire, tied together: intake and engine know nothing of
 * each other; they meet in the commit loop and in the wake-up that is handed over here.
 */
export class Core implements CatalogListener {
  readonly intake: Intake;
  /** Rejects when nothing can be promised any more; never resolves. */
  readonly broken: Promise<never>;
  readonly #parts: CoreParts;
  readonly #accounts: AccountCache;
  readonly #loop: CommitLoop;
  readonly #dispatcher: Dispatcher;
  readonly #janitor: Janitor;

  constructor(parts: CoreParts, config: Config) {
    const { store, sender, log } = parts;
    const broken = Promise.withResolvers<never>();
    this.broken = Promise.race([store.broken, broken.promise]);
    this.#parts = parts;
    const accounts = new AccountCache(store);
    const loop = new CommitLoop(store, this.#commitEvents(broken.reject));
    const dispatcher = new Dispatcher(
      {
        store,
        sender,
        record: (entry) => loop.record(entry),
        webhook: async (accountId, id) => (await accounts.load(accountId)).webhooks.get(id),
        log,
      },
      { ...config, userAgent: `Posthorn/${VERSION}` },
    );
    const admission = new Admission(() => dispatcher.waitingWhileMoving());
    this.intake = new Accept({
      accounts,
      newEventId: eventIdMaker(),
      commit: (entries) => loop.accept(entries),
      admit: () => admission.enter(),
      wake: (deliveries) => dispatcher.offer(deliveries),
      log,
    });
    this.#accounts = accounts;
    this.#loop = loop;
    this.#dispatcher = dispatcher;
    this.#janitor = new Janitor(store, config.retentionMs, log);
  }

  /** Takes over what is pending in the store. */
  async start(): Promise<void> {
    await this.#dispatcher.start(await this.#parts.store.acquireShards());
    this.#janitor.start();
  }

  /** Sends nothing more; resolves when what is in flight has ended and is recorded. */
  async stop(): Promise<void> {
    await this.#janitor.stop();
    await this.#dispatcher.stop();
    await this.#loop.drained();
  }

  /** Whether it can accept and deliver. */
  get available(): boolean {
    return this.#loop.available;
  }

  webhookChanged(webhook: Webhook): void {
    this.#accounts.webhookChanged(webhook);
    this.#dispatcher.webhookChanged(webhook);
  }

  campaignDeclared(...declared: Parameters<CatalogListener['campaignDeclared']>): void {
    this.#accounts.campaignDeclared(...declared);
  }

  #commitEvents(broken: (error: unknown) => void): CommitLoopEvents {
    const { log } = this.#parts;
    return {
      disabled: (webhooks) => {
        for (const webhook of webhooks) this.#webhookDisabled(webhook);
      },
      unavailable: (error) => {
        log.storeUnavailable(error);
        this.#dispatcher.suspend();
      },
      available: (outageMs) => {
        log.storeAvailable(outageMs);
        this.#dispatcher.resume();
      },
      broken,
    };
  }

  /** Its endpoint answered 410. What a failure here leaves undone the janitor does. */
  #webhookDisabled(webhook: Webhook): void {
    const { store, log } = this.#parts;
    this.webhookChanged(webhook);
    cancelAllPending(store, webhook.id).then(
      (canceled) => log.webhookDisabled(webhook, canceled),
      (error: unknown) => log.taskFailed('cancel deliveries of a disabled webhook', error),
    );
  }
}
