import type { PendingDelivery } from '../domain/delivery.ts';
import type { ShardLease } from '../domain/shard.ts';
import type { Webhook } from '../domain/webhook.ts';
import type { FailingWebhook } from '../store/health-store.ts';
import type { RetriedDelivery, WebhookName } from '../store/signal-store.ts';
import type { DispatchStore } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { AttemptEndings, type RecordsAttempts } from './attempt-endings.ts';
import { deliver, type Delivered, type DeliverySettings, type SendsRequests } from './deliver.ts';
import { DueReads } from './due-reads.ts';
import type { FreshDelivery } from './fresh-deliveries.ts';
import { LaneScheduler } from './lane-scheduler.ts';
import type { Lane } from './lane.ts';
import { Lanes } from './lanes.ts';
import { Slots } from './slots.ts';

/** Attempts that ended but are not on disk yet: with more than this nothing new is sent. */
const MAX_UNRECORDED = 1_024;

export interface DispatcherSettings extends DeliverySettings {
  /** Requests in flight, in all and to one webhook. */
  readonly concurrency: number;
  readonly webhookConcurrency: number;
}

export interface DispatcherParts {
  readonly store: DispatchStore;
  readonly sender: SendsRequests;
  readonly record: RecordsAttempts;
  /** The webhook as it is now; undefined where it is gone. */
  webhook(accountId: number, webhookId: number): Promise<Webhook | undefined>;
  /** Called when something was recorded of which operational events are to be made. */
  announced(): void;
  /** Whether the shards' leases are known to hold at this moment. */
  leasesHold(): boolean;
  readonly log: Log;
}

/**
 * Sends the due deliveries of the shards it owns: fair over accounts and webhooks, within the
 * limits of concurrency. One lane for each webhook; see `Lane` for what is in memory and what is
 * left in the store.
 */
export class Dispatcher {
  readonly #settings: DispatcherSettings;
  readonly #parts: DispatcherParts;
  readonly #lanes: Lanes;
  readonly #dueReads: DueReads;
  readonly #endings: AttemptEndings;
  readonly #slots: Slots;
  readonly #scheduler: LaneScheduler;
  #stopped = true;
  #suspended = false;
  #idle: (() => void) | undefined;

  constructor(parts: DispatcherParts, settings: DispatcherSettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.#slots = new Slots(settings.concurrency);
    this.#lanes = new Lanes(Math.min(settings.webhookConcurrency, settings.concurrency));
    this.#dueReads = new DueReads({
      store: parts.store,
      lanes: this.#lanes,
      webhook: (accountId, webhookId) => parts.webhook(accountId, webhookId),
      mayRead: () => !this.#suspended,
      filled: (lane) => {
        this.#scheduler.enqueue(lane);
        this.#scheduler.pump();
      },
      log: parts.log,
    });
    this.#scheduler = new LaneScheduler({
      slots: this.#slots,
      dueReads: this.#dueReads,
      maySend: () => this.#maySend(),
      send: (lane, now, suspect) => this.#send(lane, now, suspect),
    });
    this.#endings = new AttemptEndings({
      record: parts.record,
      lanes: this.#lanes,
      dueReads: this.#dueReads,
      announced: () => parts.announced(),
      settled: () => this.#settled(),
      log: parts.log,
    });
  }

  start(): void {
    this.#stopped = false;
    this.#scheduler.start();
    this.#dueReads.start();
  }

  /**
   * Takes over these shards: everything pending in them is this dispatcher's from now on.
   * @param failing those of their webhooks whose last attempt failed
   */
  own(leases: readonly ShardLease[], failing: readonly FailingWebhook[] = []): void {
    this.#lanes.own(leases, Date.now(), failing);
    this.#dueReads.lookAt(leases.map(({ shard }) => shard));
  }

  /** These shards are another's now, or nobody's: nothing more is sent of them. */
  disown(shards: readonly number[]): void {
    this.#lanes.disown(shards);
  }

  /** Resolves when nothing of these shards, disowned before, is in flight or unrecorded. */
  drained(shards: readonly number[]): Promise<void> {
    return this.#lanes.drained(shards);
  }

  /**
   * Deliveries of a fresh commit, with the webhooks that matched.
   * @returns the webhooks whose shards are not owned here
   */
  offer(deliveries: readonly FreshDelivery[]): WebhookName[] {
    const now = Date.now();
    const elsewhere: WebhookName[] = [];
    for (const { delivery, webhook } of deliveries) {
      const lane = this.#lanes.of(webhook);
      this.webhookChanged(webhook);
      if (!lane) elsewhere.push({ accountId: webhook.accountId, webhookId: webhook.id });
      if (!lane?.active) continue;
      // Accepted before the shard came here: its former owner may have had it in hand.
      const since = this.#lanes.ownedSince(webhook.id) ?? 0;
      if (delivery.nextAttemptAt < since) lane.leftOnDisk(delivery.nextAttemptAt);
      else lane.offer(delivery, now);
      this.#scheduler.enqueue(lane);
      this.#dueReads.consider(lane);
    }
    this.#scheduler.pump();
    return elsewhere;
  }

  /** Deliveries that another node accepted for webhooks whose shards are owned here. */
  acceptedElsewhere(webhooks: readonly WebhookName[]): void {
    for (const named of webhooks) this.#dueReads.inStore(named);
  }

  /** What a person wants to be sent now. */
  retried(deliveries: readonly RetriedDelivery[]): void {
    for (const named of deliveries) this.#dueReads.inStore(named, named.eventId);
  }

  /** Signals may have been lost: finds everything that is pending in the owned shards. */
  lookAgain(): void {
    this.#dueReads.lookAt(this.#lanes.ownedShards);
  }

  /** From now on the webhook is as given: nothing more is sent to one that is not active. */
  webhookChanged(webhook: Webhook): void {
    const lane = this.#lanes.find(webhook.id);
    if (!lane || lane.webhook.version >= webhook.version) return;
    const moved = lane.webhook.url !== webhook.url;
    const wasActive = lane.active;
    lane.webhook = webhook;
    if (moved || !lane.active) this.#parts.sender.forget(webhook.id);
    if (!lane.active) return lane.close();
    if (!wasActive) lane.leftOnDisk(Date.now());
    // It may have more slots now, a shorter gap, or another URL to be tried.
    this.#scheduler.enqueue(lane);
    this.#dueReads.wake(lane.dueOnDisk);
    this.#scheduler.pump();
  }

  get ownedShards(): readonly number[] {
    return this.#lanes.ownedShards;
  }

  /** How many requests at a time a webhook has earned; undefined where it has no lane here. */
  slotsOf(webhookId: number): number | undefined {
    return this.#lanes.find(webhookId)?.slots;
  }

  /** The webhooks that have a lane here: those of one account, or all. */
  webhooksInHand(accountId?: number): Webhook[] {
    return this.#lanes.webhooks(accountId);
  }

  /** While the store is away nothing is sent: it could not be recorded. */
  suspend(): void {
    this.#suspended = true;
  }

  resume(): void {
    this.#suspended = false;
    this.pump();
  }

  /** To be called when what `leasesHold` says may have changed. */
  pump(): void {
    this.#scheduler.pump();
    this.#dueReads.wake(0);
  }

  /** Since the start. */
  get attemptsEnded(): number {
    return this.#endings.attemptsEnded;
  }

  /** Deliveries that wait here although their endpoints are answering; Infinity: in the store too. */
  waitingWhileMoving(): number {
    return this.#lanes.waitingWhileMoving(Date.now());
  }

  /** Sends nothing more; resolves when what is in flight has ended and is recorded. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#dueReads.stop();
    this.#scheduler.stop();
    if (this.#isIdle) return;
    await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #maySend(): boolean {
    return (
      !this.#stopped &&
      !this.#suspended &&
      this.#endings.unrecorded < MAX_UNRECORDED &&
      this.#parts.leasesHold()
    );
  }

  #send(lane: Lane, now: number, suspect: boolean): void {
    const lease = this.#lanes.leaseOf(lane.webhook.id);
    const delivery = lease && lane.take(now);
    if (!lease || !delivery) return;
    this.#slots.take(lane, suspect);
    deliver(delivery, lane, this.#parts.sender, this.#settings, (delivered) =>
      this.#ended(lane, delivery, lease, delivered),
    );
  }

  #ended(lane: Lane, delivery: PendingDelivery, lease: ShardLease, delivered: Delivered): void {
    const now = Date.now();
    lane.completed(delivered.ranOut, now);
    this.#slots.giveBack(lane);
    this.#endings.ended(lane, delivery, lease, delivered);
    this.#scheduler.enqueue(lane, now);
    this.#scheduler.pump();
  }

  #settled(): void {
    // The only thing that ending it can have held up: a commit's other news are told with its events.
    if (this.#endings.unrecorded === MAX_UNRECORDED - 1) this.#scheduler.pump();
    if (this.#stopped && this.#isIdle) this.#idle?.();
  }

  /** Nothing is in flight, and nothing waits for its record. */
  get #isIdle(): boolean {
    return this.#slots.taken + this.#endings.unrecorded === 0;
  }
}
