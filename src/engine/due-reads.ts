import type { EventId } from '../domain/ids.ts';
import type { Webhook } from '../domain/webhook.ts';
import type { WebhookName } from '../store/signal-store.ts';
import type { DispatchStore } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import { Turns } from './turns.ts';

/** The longest time between two looks at what is due in the store. */
const LONGEST_SLEEP_MS = 1_000;
/** While there are lanes that are behind, look again this soon. */
const BUSY_SLEEP_MS = 20;
const MAX_READS = 4;
/** After a read that failed: a store that is away must not be asked in a hot loop. */
const FAILED_SLEEP_MS = 1_000;

export interface DueReadsParts {
  readonly store: DispatchStore;
  readonly lanes: Lanes;
  /** The webhook as it is now; undefined where it is gone. */
  readonly webhook: (accountId: number, webhookId: number) => Promise<Webhook | undefined>;
  /** Whether the store is there to be read. */
  readonly mayRead: () => boolean;
  /** Called when a lane has got something to send. */
  readonly filled: (lane: Lane) => void;
  readonly log: Log;
}

/**
 * Reads what is due from the store into lanes that have room. Which lanes there are to read for it
 * learns by looking at whole shards: when they are taken over, and when signals may be lost.
 */
export class DueReads {
  readonly #parts: DueReadsParts;
  readonly #shardsToLookAt = new Set<number>();
  /** Lanes that are behind and have room. */
  readonly #toRead = new Turns();
  #looking = false;
  #reads = 0;
  #stopped = true;
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(parts: DueReadsParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#stopped = false;
    this.wake(0);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Finds every webhook of these shards that has something pending; tried again until it succeeds. */
  lookAt(shards: readonly number[]): void {
    for (const shard of shards) this.#shardsToLookAt.add(shard);
    this.wake(0);
  }

  /** Sees to it that the store is looked at by `at`; only ever shortens the sleep. */
  wake(at: number): void {
    if (this.#stopped || at >= this.#wakeAt) return;
    clearTimeout(this.#timer);
    this.#wakeAt = at;
    const delay = Math.min(Math.max(at - Date.now(), 0), LONGEST_SLEEP_MS);
    this.#timer = setTimeout(() => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.wake(Date.now() + this.#round());
    }, delay);
  }

  /**
   * A webhook has something pending, by now, that is not in memory.
   * @param retried the one that a person wants to be sent now
   */
  inStore(named: WebhookName, retried?: EventId): void {
    const { lanes, log } = this.#parts;
    this.#leftOnDisk(named, Date.now(), retried).catch((error: unknown) => {
      log.taskFailed('look at a webhook of another node', error);
      this.lookAt(lanes.ownedShards);
    });
  }

  async #leftOnDisk(
    { accountId, webhookId }: WebhookName,
    at: number,
    retried?: EventId,
  ): Promise<void> {
    const { lanes, webhook } = this.#parts;
    if (lanes.leaseOf(webhookId) === undefined) return;
    const found = lanes.find(webhookId)?.webhook ?? (await webhook(accountId, webhookId));
    const lane = found && lanes.of(found);
    if (!lane?.active) return;
    lane.leftOnDisk(at);
    if (retried !== undefined) lane.ask(retried);
    this.wake(at);
  }

  /** Reads for a lane as soon as its turn comes, if it is behind and has room. */
  consider(lane: Lane): void {
    if (!lane.hungry || lane.dueOnDisk > Date.now()) return;
    this.#toRead.add(lane);
    this.#readNext();
  }

  /** Finds the lanes that are behind. Returns how long it may sleep. */
  #round(): number {
    const now = Date.now();
    const { lanes, mayRead } = this.#parts;
    let sleep = LONGEST_SLEEP_MS;
    if (this.#shardsToLookAt.size > 0 && !this.#looking && mayRead()) void this.#look();
    for (const lane of lanes.all()) {
      const { readAt } = lane;
      if (readAt <= now) {
        sleep = BUSY_SLEEP_MS;
        if (lane.hungry) this.#toRead.add(lane);
      } else if (readAt - now < sleep) {
        sleep = readAt - now;
      } else {
        lanes.forgetIfIdle(lane, now);
      }
    }
    this.#readNext();
    return sleep;
  }

  #readNext(): void {
    while (
      !this.#stopped &&
      this.#reads < MAX_READS &&
      this.#toRead.size > 0 &&
      this.#parts.mayRead()
    ) {
      const lane = this.#toRead.next();
      if (lane?.hungry) void this.#read(lane, Date.now());
    }
  }

  async #look(): Promise<void> {
    const shards = [...this.#shardsToLookAt];
    this.#shardsToLookAt.clear();
    this.#looking = true;
    try {
      const pending = await this.#parts.store.pendingWebhooks(shards);
      // All at once: accounts that have to be read must not wait for one another's lanes.
      await Promise.all(pending.map((found) => this.#leftOnDisk(found, found.nextAttemptAt)));
    } catch (error) {
      for (const shard of shards) this.#shardsToLookAt.add(shard);
      this.#parts.log.taskFailed('find pending deliveries', error);
    } finally {
      this.#looking = false;
    }
  }

  async #read(lane: Lane, now: number): Promise<void> {
    this.#reads += 1;
    const { store, filled, log } = this.#parts;
    const wanted = lane.beginReading();
    const { id } = lane.webhook;
    try {
      if ('retried' in wanted) {
        lane.endReadingRetried(await store.retried(id, wanted.retried));
        return;
      }
      const page = await ('after' in wanted
        ? store.dueInOrder(id, now, wanted.limit, wanted)
        : store.due(id, now, wanted.limit, wanted.except));
      // It may show what a commit wrote that is not told of yet. That is offered while it is held here:
      // commits are told of in order, and that of its attempt comes behind.
      lane.endReading(page.deliveries, page.nextDueAt ?? Number.POSITIVE_INFINITY);
    } catch (error) {
      lane.endReading([], now + FAILED_SLEEP_MS);
      log.taskFailed('read due deliveries', error);
    } finally {
      this.#reads -= 1;
      filled(lane);
      this.wake(lane.readAt);
      this.#readNext();
    }
  }
}
