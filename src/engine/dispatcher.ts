import type { Attempt, NextStep } from '../domain/attempt.ts';
import type { PendingDelivery } from '../domain/delivery.ts';
import { SHARD_COUNT, shardOf, type ShardLease } from '../domain/shard.ts';
import type { Webhook } from '../domain/webhook.ts';
import type { RecordEnding } from '../store/commit-loop.ts';
import type { DispatchStore, RecordEntry } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { deliver, type DeliverySettings, type SendsRequests } from './deliver.ts';
import { Lane } from './lane.ts';
import { Memory } from './memory.ts';
import { Turns } from './turns.ts';

/** Attempts that ended but are not on disk yet: with more than this nothing new is sent. */
const MAX_UNRECORDED = 1_024;

/** The longest time between two looks at what is due in the store. */
const LONGEST_SLEEP_MS = 1_000;
/** While a lane is behind but has no room, or reads are at their limit, look again this soon. */
const BUSY_SLEEP_MS = 20;
const MAX_READS = 4;

/** After an attempt that the store would not take even without its answer. */
const REFUSED_WAIT_MS = 60_000;

/** A lane without work is forgotten after this long; what its slots had earned goes with it. */
const FORGET_AFTER_MS = 5 * 60_000;

export interface DispatcherSettings extends DeliverySettings {
  /** Requests in flight, in all and to one webhook. */
  readonly concurrency: number;
  readonly webhookConcurrency: number;
}

export interface DispatcherParts {
  readonly store: DispatchStore;
  readonly sender: SendsRequests;
  /** Resolves when the attempt is on disk. */
  record(entry: RecordEntry): Promise<RecordEnding>;
  /** The webhook as it is now; undefined where it is gone. */
  webhook(accountId: number, webhookId: number): Promise<Webhook | undefined>;
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
  readonly #leases = new Map<number, ShardLease>();
  readonly #lanes = new Map<number, Lane>();
  readonly #turns = new Turns();
  /** Lanes whose last attempt timed out: together they may have half of the slots. */
  readonly #suspects = new Turns();
  readonly #memory = new Memory();
  #inFlight = 0;
  #suspectsInFlight = 0;
  #unrecorded = 0;
  #reads = 0;
  #stopped = true;
  #suspended = false;
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  #idle: (() => void) | undefined;

  constructor(parts: DispatcherParts, settings: DispatcherSettings) {
    this.#parts = parts;
    this.#settings = settings;
  }

  /** Takes over these shards: everything pending in them is this dispatcher's from now on. */
  async start(leases: readonly ShardLease[]): Promise<void> {
    for (const lease of leases) this.#leases.set(lease.shard % SHARD_COUNT, lease);
    this.#stopped = false;
    const pending = await this.#parts.store.pendingWebhooks([...this.#leases.keys()]);
    for (const { accountId, webhookId, nextAttemptAt } of pending) {
      const webhook = await this.#parts.webhook(accountId, webhookId);
      if (webhook) this.#lane(webhook).leftOnDisk(nextAttemptAt);
    }
    this.#wake(0);
  }

  /** Deliveries of a fresh commit, with the webhooks that matched. */
  offer(deliveries: readonly { delivery: PendingDelivery; webhook: Webhook }[]): void {
    const now = Date.now();
    for (const { delivery, webhook } of deliveries) {
      if (!this.#leases.has(shardOf(webhook.id))) continue;
      const lane = this.#lane(webhook);
      if (!lane.active) continue;
      lane.offer(delivery, now);
      this.#enqueue(lane);
      if (lane.dueOnDisk <= now) this.#wake(now);
    }
    this.#pump();
  }

  /** From now on the webhook is as given: nothing more is sent to one that is not active. */
  webhookChanged(webhook: Webhook): void {
    const lane = this.#lanes.get(webhook.id);
    if (!lane || lane.webhook.version > webhook.version) return;
    const moved = lane.webhook.url !== webhook.url;
    lane.webhook = webhook;
    if (moved || !lane.active) this.#parts.sender.forget(webhook.id);
    if (!lane.active) lane.close();
  }

  /** While the store is away nothing is sent: it could not be recorded. */
  suspend(): void {
    this.#suspended = true;
  }

  resume(): void {
    this.#suspended = false;
    this.#pump();
    this.#wake(0);
  }

  /** Deliveries that wait in memory although their endpoints are answering. */
  waitingWhileMoving(): number {
    const now = Date.now();
    let waiting = 0;
    for (const lane of this.#lanes.values()) {
      if (lane.waiting > 0 && lane.isMoving(now)) waiting += lane.waiting;
    }
    return waiting;
  }

  /** Sends nothing more; resolves when what is in flight has ended and is recorded. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    if (this.#inFlight + this.#unrecorded === 0) return;
    await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #lane(webhook: Webhook): Lane {
    const known = this.#lanes.get(webhook.id);
    if (known) return known;
    const limit = Math.min(this.#settings.webhookConcurrency, this.#settings.concurrency);
    const lane = new Lane(webhook, limit, this.#memory);
    this.#lanes.set(webhook.id, lane);
    return lane;
  }

  #enqueue(lane: Lane): void {
    if (lane.runnable) (lane.suspect ? this.#suspects : this.#turns).add(lane);
  }

  /** Sends as long as there are free slots and a lane whose turn it is. */
  #pump(): void {
    const half = Math.ceil(this.#settings.concurrency / 2);
    this.#pumpFrom(this.#suspects, () => this.#suspectsInFlight < half);
    this.#pumpFrom(this.#turns, () => true);
  }

  #pumpFrom(turns: Turns, allowed: () => boolean): void {
    let passedOver = 0;
    while (this.#maySend() && allowed() && turns.size > passedOver) {
      const lane = turns.next();
      if (!lane?.runnable) continue;
      // A lane may hold as many slots as are still free. Many that hang at once come to equal
      // parts, and a part as large is left for those that do not.
      if (lane.inFlight < this.#settings.concurrency - this.#inFlight) {
        void this.#send(lane);
        passedOver = 0;
      } else {
        passedOver += 1;
      }
      this.#enqueue(lane);
      if (lane.hungry && lane.dueOnDisk <= Date.now()) this.#wake(0);
    }
  }

  #maySend(): boolean {
    return (
      !this.#stopped &&
      !this.#suspended &&
      this.#inFlight < this.#settings.concurrency &&
      this.#unrecorded < MAX_UNRECORDED
    );
  }

  async #send(lane: Lane): Promise<void> {
    const delivery = lane.take();
    if (!delivery) return;
    const suspect = lane.suspect;
    this.#inFlight += 1;
    if (suspect) this.#suspectsInFlight += 1;
    const { attempt, next } = await deliver(
      delivery,
      lane.webhook,
      this.#parts.sender,
      this.#settings,
    );
    this.#inFlight -= 1;
    if (suspect) this.#suspectsInFlight -= 1;
    lane.completed(attempt.outcome === 'timed_out', Date.now());
    this.#enqueue(lane);
    this.#unrecorded += 1;
    this.#pump();
    await this.#record(lane, delivery, attempt, next);
    this.#unrecorded -= 1;
    this.#pump();
    if (this.#stopped && this.#inFlight + this.#unrecorded === 0) this.#idle?.();
  }

  async #record(
    lane: Lane,
    delivery: PendingDelivery,
    attempt: Attempt,
    next: NextStep,
  ): Promise<void> {
    const ending = await this.#recordOrStrip(delivery, attempt, next);
    lane.release(delivery);
    if (ending !== 'recorded') {
      this.#parts.log.attemptNotRecorded(delivery, attempt.number, ending);
      // Still pending in the store, so it stays owned; but not tried again at once, for ever.
      if (ending === 'refused') lane.leftOnDisk(Date.now() + REFUSED_WAIT_MS);
      return;
    }
    this.#parts.log.attemptEnded(delivery, attempt, next);
    if (next.status === 'pending' && lane.active) {
      lane.leftOnDisk(next.nextAttemptAt);
      this.#wake(next.nextAttemptAt);
    }
  }

  /** A store that refuses what the receiver answered is given the attempt without the answer. */
  async #recordOrStrip(
    delivery: PendingDelivery,
    attempt: Attempt,
    next: NextStep,
  ): Promise<RecordEnding> {
    const { accountId, eventId, webhookId } = delivery;
    const lease = this.#leases.get(shardOf(webhookId));
    if (!lease) return 'not_owner';
    const entry = { accountId, eventId, webhookId, lease, attempt, next };
    const ending = await this.#parts.record(entry);
    if (ending !== 'refused') return ending;
    const error = 'The answer could not be stored.';
    return this.#parts.record({ ...entry, attempt: { ...attempt, response: null, error } });
  }

  /** Sees to it that the store is looked at by `at`; only ever shortens the sleep. */
  #wake(at: number): void {
    if (this.#stopped || at >= this.#wakeAt) return;
    clearTimeout(this.#timer);
    this.#wakeAt = at;
    const delay = Math.min(Math.max(at - Date.now(), 0), LONGEST_SLEEP_MS);
    this.#timer = setTimeout(() => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#wake(Date.now() + this.#readDue());
    }, delay);
  }

  /** Starts reading for lanes that are behind. Returns how long it may sleep. */
  #readDue(): number {
    const now = Date.now();
    let sleep = LONGEST_SLEEP_MS;
    for (const [id, lane] of this.#lanes) {
      if (lane.dueOnDisk <= now) {
        sleep = BUSY_SLEEP_MS;
        const mayRead = this.#reads < MAX_READS && !this.#suspended;
        if (mayRead && lane.hungry) void this.#read(lane, now);
      } else if (lane.dueOnDisk - now < sleep) {
        sleep = lane.dueOnDisk - now;
      } else if (lane.idle && lane.isForgettable(now, FORGET_AFTER_MS)) {
        this.#lanes.delete(id);
      }
    }
    return sleep;
  }

  async #read(lane: Lane, now: number): Promise<void> {
    this.#reads += 1;
    const limit = lane.beginReading();
    try {
      const page = await this.#parts.store.due(lane.webhook.id, now, limit);
      lane.endReading(page.deliveries, page.nextDueAt ?? Number.POSITIVE_INFINITY);
    } catch (error) {
      lane.endReading([], now);
      this.#parts.log.taskFailed('read due deliveries', error);
    } finally {
      this.#reads -= 1;
    }
    this.#enqueue(lane);
    this.#pump();
    this.#wake(lane.dueOnDisk);
  }
}
