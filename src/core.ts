import { AccountCache } from './catalog/account-cache.ts';
import { cancelAllPending } from './catalog/cancel-pending.ts';
import type { CatalogListener } from './catalog/listener.ts';
import type { RedoListener } from './catalog/redos.ts';
import type { Config } from './config.ts';
import { eventIdMaker } from './domain/ids.ts';
import type { NodeId } from './domain/shard.ts';
import type { Webhook } from './domain/webhook.ts';
import type { Clock } from './engine/clock.ts';
import type { DeliverySettings, SendsRequests } from './engine/deliver.ts';
import { Dispatcher } from './engine/dispatcher.ts';
import { freshDeliveries } from './engine/fresh-deliveries.ts';
import { Janitor } from './engine/janitor.ts';
import { RedoWorker } from './engine/redo-worker.ts';
import { Shards } from './engine/shards.ts';
import { Accept } from './intake/accept.ts';
import { Admission, loopMeter } from './intake/admission.ts';
import { Announcer } from './intake/announcer.ts';
import type { Intake } from './intake/intake.ts';
import { Neighbours } from './neighbours.ts';
import { CommitLoop, type CommitLoopEvents } from './store/commit-loop.ts';
import type { RetriedDelivery, WebhookName } from './store/signal-store.ts';
import type { AcceptEntry, Store } from './store/store.ts';
import type { Log } from './telemetry/log.ts';
import { VERSION } from './version.ts';

export interface CoreParts {
  readonly store: Store;
  readonly sender: SendsRequests;
  readonly nodeId: NodeId;
  readonly log: Log;
  /** By which leases hold; the machine's if left out. */
  readonly clock?: Clock;
}

/**
 * Everything between the HTTP face and the wire, tied together: intake and engine know nothing of
 * each other; they meet in the commit loop and in the wake-up that is handed over here.
 */
export class Core implements CatalogListener, RedoListener {
  readonly intake: Intake;
  /** Rejects when nothing can be promised any more; never resolves. */
  readonly broken: Promise<never>;
  readonly #parts: CoreParts;
  readonly #delivers: boolean;
  readonly #accounts: AccountCache;
  readonly #admission: Admission;
  readonly #loop: CommitLoop;
  readonly #dispatcher: Dispatcher;
  readonly #shards: Shards;
  readonly #janitor: Janitor;
  readonly #redoWorker: RedoWorker;
  readonly #announcer: Announcer;

  constructor(parts: CoreParts, config: Config) {
    const { store, sender, nodeId, log, clock } = parts;
    const broken = Promise.withResolvers<never>();
    this.broken = Promise.race([store.broken, broken.promise]);
    this.#parts = parts;
    this.#delivers = config.roles.includes('worker');
    const accounts = new AccountCache(store);
    const loop = new CommitLoop(store, this.#commitEvents(broken.reject));
    const dispatcher = new Dispatcher(
      {
        store,
        sender,
        record: (entry, settle) => loop.record(entry, settle),
        webhook: (accountId, id) => accounts.webhook(accountId, id),
        announced: () => this.#announcer.wake(),
        leasesHold: () => this.#shards.hold(),
        log,
      },
      { ...config, ...deliverySettings(config) },
    );
    const admission = new Admission({
      waitingWhileMoving: () => dispatcher.waitingWhileMoving(),
      attemptsEnded: () => dispatcher.attemptsEnded,
      rowsBehind: () => loop.rowsWaiting,
      loopBusy: loopMeter(),
    });
    const newEventId = eventIdMaker();
    this.intake = new Accept({
      accounts,
      newEventId,
      commit: (entry, settle) => loop.accept(entry, settle),
      admit: (events) => admission.enter(events),
      log,
    });
    this.#accounts = accounts;
    this.#admission = admission;
    this.#loop = loop;
    this.#dispatcher = dispatcher;
    this.#shards = new Shards({ store, owner: dispatcher, nodeId, log, clock });
    this.#announcer = new Announcer({
      store,
      accounts,
      newEventId,
      stored: (webhooks) => this.#pending(webhooks),
      log,
    });
    this.#janitor = new Janitor(store, config.retentionMs, log);
    this.#redoWorker = new RedoWorker({
      store,
      ownedShards: () => dispatcher.ownedShards,
      slotsOf: (webhookId) => dispatcher.slotsOf(webhookId),
      putBack: (webhook) => this.putBack(webhook),
      log,
    });
  }

  /** Takes its part of the work over: all that is pending in the store, where it is alone. */
  async start(): Promise<void> {
    const { store, log } = this.#parts;
    store.listen(
      new Neighbours({ store, accounts: this.#accounts, engine: this.#dispatcher, log }),
    );
    if (!this.#delivers) return;
    this.#dispatcher.start();
    await this.#shards.start();
    this.#janitor.start();
    this.#redoWorker.start();
    this.#announcer.start();
  }

  /** Sends nothing more; resolves when what is in flight has ended and is recorded. */
  async stopSending(): Promise<void> {
    await Promise.all([
      this.#janitor.stop(),
      this.#redoWorker.stop(),
      this.#dispatcher.stop(),
      this.#announcer.stop(),
    ]);
  }

  /** After `stopSending`, when nobody puts anything in any more: resolves when all is on disk. */
  async stop(): Promise<void> {
    this.#parts.store.listen(null);
    await this.#loop.drained();
    if (!this.#delivers) return;
    await this.#shards.stop();
    await this.#shards.leave();
  }

  /** Attempts that were made and are not on disk: they will be made again. */
  get unrecorded(): number {
    return this.#loop.unrecorded;
  }

  /** Why it cannot accept or deliver now, in sentences; empty where it can. */
  get faults(): string[] {
    if (!this.#loop.available) return ['The store is unavailable.'];
    if (this.#delivers && !this.#shards.hold()) return ['This node could not renew its shards.'];
    return [];
  }

  webhookChanged(webhook: Webhook): void {
    this.#accounts.webhookChanged(webhook);
    this.#dispatcher.webhookChanged(webhook);
  }

  webhookResumed(webhook: Webhook): void {
    this.webhookChanged(webhook);
    this.putBack({ accountId: webhook.accountId, webhookId: webhook.id });
  }

  /** Whoever owns it may have no lane for it any more: what waits is found by its name. */
  putBack({ accountId, webhookId }: WebhookName): void {
    this.#pending([{ accountId, webhookId }]);
  }

  /** Whoever sends to its webhook does it now, before all else that is due for it. */
  retried(delivery: RetriedDelivery): void {
    this.#dispatcher.retried([delivery]);
    this.#parts.store.announceRetried(delivery);
  }

  /** Where its webhook is sent to from elsewhere, that node finds it when it next looks. */
  redoStarted(): void {
    this.#redoWorker.wake();
  }

  campaignDeclared(...declared: Parameters<CatalogListener['campaignDeclared']>): void {
    this.#accounts.campaignDeclared(...declared);
  }

  /** Something in the store is pending for these that no lane need know of, here or elsewhere. */
  #pending(webhooks: readonly WebhookName[]): void {
    this.#dispatcher.acceptedElsewhere(webhooks);
    this.#parts.store.announcePending(webhooks);
  }

  /** Deliveries of webhooks whose shards are owned here are sent from memory; others are told of. */
  #accepted(entries: readonly AcceptEntry[]): void {
    const { fresh, unknown } = freshDeliveries(entries, this.#accounts);
    this.#admission.accepted(entries.length, fresh.length);
    // An account that is being read again: what is pending is found in the store.
    if (unknown.length > 0) this.#dispatcher.acceptedElsewhere(unknown);
    const elsewhere = [...this.#dispatcher.offer(fresh), ...unknown];
    if (elsewhere.length > 0) this.#parts.store.announcePending(elsewhere);
  }

  #commitEvents(broken: (error: unknown) => void): CommitLoopEvents {
    const { log } = this.#parts;
    return {
      accepted: (entries) => this.#accepted(entries),
      disabled: (webhooks) => {
        for (const webhook of webhooks) this.#webhookDisabled(webhook);
      },
      refused: (error) => log.taskFailed('store an entry', error),
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

  /** Its endpoint answered 410, or has failed for too long. What a failure here leaves undone the janitor does. */
  #webhookDisabled(webhook: Webhook): void {
    const { store, log } = this.#parts;
    this.webhookChanged(webhook);
    this.#announcer.wake();
    cancelAllPending(store, webhook.id).then(
      (canceled) => log.webhookDisabled(webhook, canceled),
      (error: unknown) => log.taskFailed('cancel deliveries of a disabled webhook', error),
    );
  }
}

/** What every request of this server has in common. */
export function deliverySettings({ retrySchedule }: Config): DeliverySettings {
  return { retrySchedule, userAgent: `Posthorn/${VERSION}` };
}
