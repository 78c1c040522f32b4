import { shardOf, type ShardLease } from '../domain/shard.ts';
import type { Webhook } from '../domain/webhook.ts';
import type { FailingWebhook } from '../store/health-store.ts';
import { Lane } from './lane.ts';
import { Memory } from './memory.ts';

/** A lane without work is forgotten after this long; what its slots had earned goes with it. */
const FORGET_AFTER_MS = 5 * 60_000;

interface OwnedShard {
  readonly lease: ShardLease;
  /** Milliseconds since 1970. */
  readonly since: number;
}

interface Drain {
  readonly shards: ReadonlySet<number>;
  readonly done: () => void;
}

/** The lanes of the shards that this process owns, and of attempts that outlive its owning. */
export class Lanes {
  readonly #slotsPerLane: number;
  readonly #memory = new Memory();
  readonly #lanes = new Map<number, Lane>();
  readonly #owned = new Map<number, OwnedShard>();
  /** Failing webhooks of owned shards that have no lane yet. */
  readonly #failing = new Map<number, FailingWebhook>();
  readonly #drains = new Set<Drain>();

  constructor(slotsPerLane: number) {
    this.#slotsPerLane = slotsPerLane;
  }

  get ownedShards(): number[] {
    return [...this.#owned.keys()];
  }

  all(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** Those that have a lane: of one account, or all. */
  webhooks(accountId?: number): Webhook[] {
    return [...this.#lanes.values()]
      .map((lane) => lane.webhook)
      .filter((webhook) => accountId === undefined || webhook.accountId === accountId);
  }

  /** Deliveries that wait although their endpoints are answering; Infinity: in the store too. */
  waitingWhileMoving(now: number): number {
    let waiting = 0;
    for (const lane of this.#lanes.values()) {
      if (!lane.isMoving(now)) continue;
      waiting += lane.reading || lane.dueOnDisk <= now ? Number.POSITIVE_INFINITY : lane.waiting;
    }
    return waiting;
  }

  leaseOf(webhookId: number): ShardLease | undefined {
    return this.#owned.get(shardOf(webhookId))?.lease;
  }

  /** Since when the webhook's shard is owned here; undefined where it is not. */
  ownedSince(webhookId: number): number | undefined {
    return this.#owned.get(shardOf(webhookId))?.since;
  }

  find(webhookId: number): Lane | undefined {
    return this.#lanes.get(webhookId);
  }

  /** The lane of a webhook whose shard is owned here; undefined where it is not. */
  of(webhook: Webhook): Lane | undefined {
    const known = this.#lanes.get(webhook.id);
    if (known) return known.owned ? known : undefined;
    const owned = this.#owned.get(shardOf(webhook.id));
    if (!owned) return undefined;
    const lane = new Lane(webhook, this.#slotsPerLane, this.#memory, owned.since);
    this.#lanes.set(webhook.id, lane);
    this.#takeOver(lane);
    return lane;
  }

  /** @param failing those of the shards' webhooks whose last attempt failed */
  own(leases: readonly ShardLease[], now: number, failing: readonly FailingWebhook[] = []): void {
    for (const webhook of failing) this.#failing.set(webhook.webhookId, webhook);
    for (const lease of leases) this.#owned.set(lease.shard, { lease, since: now });
    for (const [id, lane] of this.#lanes) {
      if (lane.owned || !this.#owned.has(shardOf(id))) continue;
      lane.owned = true;
      lane.startPace(now);
      this.#takeOver(lane);
    }
    // Who waits for a shard to be drained that has come back waits for nothing.
    this.#endDrains();
  }

  /** Nothing of these shards is sent from now on; attempts in flight end, and may be recorded. */
  disown(shards: readonly number[]): void {
    for (const shard of shards) this.#owned.delete(shard);
    for (const id of this.#failing.keys()) {
      if (!this.#owned.has(shardOf(id))) this.#failing.delete(id);
    }
    for (const [id, lane] of this.#lanes) {
      if (this.#owned.has(shardOf(id))) continue;
      lane.owned = false;
      lane.close();
      this.#forgetIfEmpty(id, lane);
    }
    this.#endDrains();
  }

  /** Disowns a shard unless a newer lease of it is held by now. */
  disownLease({ shard, epoch }: ShardLease): void {
    if (this.#owned.get(shard)?.lease.epoch === epoch) this.disown([shard]);
  }

  /** Resolves when nothing of these shards, disowned before, is in flight or unrecorded. */
  drained(shards: readonly number[]): Promise<void> {
    return new Promise((done) => {
      this.#drains.add({ shards: new Set(shards), done });
      this.#endDrains();
    });
  }

  /** To be called when a lane has let go of a delivery. */
  released(lane: Lane): void {
    if (lane.owned) return;
    this.#forgetIfEmpty(lane.webhook.id, lane);
    this.#endDrains();
  }

  forgetIfIdle(lane: Lane, now: number): void {
    // What it knows of a failing endpoint nobody else does.
    if (lane.breaker.isFailing) return;
    if (lane.idle && lane.isForgettable(now, FORGET_AFTER_MS)) this.#lanes.delete(lane.webhook.id);
  }

  #takeOver({ breaker, webhook }: Lane): void {
    const failing = this.#failing.get(webhook.id);
    this.#failing.delete(webhook.id);
    breaker.takeOver(failing ?? null);
    if (failing && failing.url !== webhook.url) breaker.moved(Date.now());
  }

  #forgetIfEmpty(id: number, lane: Lane): void {
    if (lane.rows === 0) this.#lanes.delete(id);
  }

  #endDrains(): void {
    for (const drain of this.#drains) {
      if (this.#hasWork(drain.shards)) continue;
      this.#drains.delete(drain);
      drain.done();
    }
  }

  #hasWork(shards: ReadonlySet<number>): boolean {
    for (const [id, lane] of this.#lanes) {
      if (!lane.owned && shards.has(shardOf(id))) return true;
    }
    return false;
  }
}
