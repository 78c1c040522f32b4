import { planShards, type ClusterView, type NodeId, type ShardLease } from '../domain/shard.ts';
import type { FailingWebhook, HealthStore } from '../store/health-store.ts';
import type { ShardStore } from '../store/shard-store.ts';
import type { Log } from '../telemetry/log.ts';
import { MONOTONIC_CLOCK, type Clock } from './clock.ts';
import { FreeShards } from './free-shards.ts';

/**
 * A node is taken for dead when it has not renewed for this long; the others look every round. So a
 * dead node's work is taken over within 8 s and what it takes to lock and to read.
 */
const TTL_MS = 6_000;
const ROUND_MS = 1_500;
/**
 * Whoever should take a free shard by its share has looked once or twice by then; after it anybody
 * takes it. Without this a shard waits for the end of every node that dies one after another before
 * it could take it: 13.7 s in the crash test, and without bound.
 */
const OVERDUE_MS = 2 * ROUND_MS;
/** Stops sending so long before its time is up: a send that just began is on the wire by then. */
const MARGIN_MS = 1_000;

/** Whoever sends: told which shards are its own. */
export interface OwnsShards {
  own(leases: readonly ShardLease[], failing: readonly FailingWebhook[]): void;
  disown(shards: readonly number[]): void;
  /** Resolves when nothing of these shards, disowned before, is in flight or unrecorded. */
  drained(shards: readonly number[]): Promise<void>;
  /** Finds everything pending again: a node that is gone may have told of less than it accepted. */
  lookAgain(): void;
  /** To be called when what `hold` says may have changed. */
  pump(): void;
}

export interface ShardsParts {
  readonly store: ShardStore & Pick<HealthStore, 'failing'>;
  readonly owner: OwnsShards;
  readonly nodeId: NodeId;
  readonly log: Log;
  readonly clock?: Clock | undefined;
}

/**
 * What this node owns: its heartbeat, and its part of spreading the shards evenly. Before a shard
 * moves its old owner ends what it has in flight; from a dead one it is taken when its time is up.
 */
export class Shards {
  readonly #parts: ShardsParts;
  readonly #clock: Clock;
  readonly #free = new FreeShards();
  readonly #leases = new Map<number, ShardLease>();
  readonly #releasing = new Map<number, Promise<void>>();
  #nodes = '';
  #holdUntil = Number.NEGATIVE_INFINITY;
  /** Nothing is given up before: what was overdue belongs to somebody who is dead, or not by then. */
  #keepUntil = Number.NEGATIVE_INFINITY;
  #claiming: Promise<void> = Promise.resolve();
  #round: Promise<void> = Promise.resolve();
  #cancelNext: () => void = () => undefined;
  #started = false;
  #stopped = false;

  constructor(parts: ShardsParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? MONOTONIC_CLOCK;
  }

  /**
   * Whether the leases hold for sure: by a clock that never steps, from before the heartbeat was
   * sent. A process that was frozen asks this before it sends, and finds its time run out.
   */
  hold(): boolean {
    return this.#clock.now() < this.#holdUntil;
  }

  /** Resolves after the first round: a lone node owns everything by then. */
  async start(): Promise<void> {
    await this.#look();
    await this.#claiming;
    this.#next();
  }

  /** Renews no more. What is in flight can be recorded still, until `leave`. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelNext();
    await this.#round;
    await this.#claiming;
    await Promise.all(this.#releasing.values());
  }

  /** Gives all up at once, so that nobody has to wait for this node's time to run out. */
  async leave(): Promise<void> {
    try {
      await this.#parts.store.leave();
    } catch (error) {
      this.#parts.log.taskFailed('leave the cluster', error);
    }
  }

  #next(): void {
    if (this.#stopped) return;
    this.#cancelNext = this.#clock.after(ROUND_MS, () => {
      this.#round = this.#look()
        .catch((error: unknown) => this.#parts.log.taskFailed('renew this node', error))
        .finally(() => this.#next());
    });
  }

  async #look(): Promise<void> {
    const { store, owner, nodeId } = this.#parts;
    const askedAt = this.#clock.now();
    const view = await store.renew(TTL_MS);
    const heldBefore = this.hold();
    this.#holdUntil = askedAt + TTL_MS - MARGIN_MS;
    this.#noteLost(view);
    this.#noteNodes(view);
    // After an outage of the store everybody's time has run out: the others get a round to come back.
    const mayClaim = heldBefore || !this.#started;
    if (!heldBefore) this.#free.clear();
    const overdue = this.#overdue(view);
    const plan = planShards(view, nodeId);
    if (this.#clock.now() >= this.#keepUntil)
      for (const shard of plan.release) this.#release(shard);
    const claim = [...this.#unheld(view), ...(mayClaim ? plan.claim : []), ...overdue];
    if (claim.length > 0) this.#claiming = this.#claiming.then(() => this.#claim(claim));
    this.#started = true;
    if (!heldBefore) owner.pump();
  }

  /** What nobody has taken though there was time, whoever should have. */
  #overdue(view: ClusterView): readonly number[] {
    const now = this.#clock.now();
    this.#free.note(view, now);
    const overdue = this.#free.before(now - OVERDUE_MS);
    if (overdue.length > 0) this.#keepUntil = now + TTL_MS;
    return overdue;
  }

  /** Another took them while this node was silent for too long. */
  #noteLost({ shards }: ClusterView): void {
    const lost = shards
      .filter(({ shard, owner }) => this.#leases.has(shard) && owner !== this.#parts.nodeId)
      .map(({ shard }) => shard);
    if (lost.length === 0) return;
    for (const shard of lost) this.#leases.delete(shard);
    this.#parts.owner.disown(lost);
    this.#parts.log.shardsLost(lost);
  }

  /** This node's own, of which it knows nothing: a claim whose answer was lost. Nobody else takes them. */
  #unheld({ shards }: ClusterView): number[] {
    return shards
      .filter(({ shard, owner }) => owner === this.#parts.nodeId && !this.#leases.has(shard))
      .map(({ shard }) => shard);
  }

  #noteNodes({ nodes }: ClusterView): void {
    const known = nodes.toSorted().join(' ');
    if (this.#nodes !== '' && this.#nodes !== known) {
      this.#parts.log.nodesChanged(nodes.length);
      this.#parts.owner.lookAgain();
    }
    this.#nodes = known;
  }

  /** Not awaited by the heartbeat: it waits for records that a former owner has under way. */
  async #claim(shards: readonly number[]): Promise<void> {
    const wanted = [...new Set(shards)].filter((shard) => !this.#leases.has(shard));
    if (wanted.length === 0 || this.#stopped) return;
    try {
      const leases = await this.#parts.store.claimShards(wanted);
      // Before anything is sent: whose breaker is open. Where that fails they are claimed once more.
      const failing = await this.#parts.store.failing(leases.map(({ shard }) => shard));
      for (const lease of leases) this.#leases.set(lease.shard, lease);
      this.#parts.owner.own(leases, failing);
      this.#parts.log.shardsClaimed(leases.length, this.#leases.size);
    } catch (error) {
      this.#parts.log.taskFailed('claim shards', error);
    }
  }

  #release(shard: number): void {
    const lease = this.#leases.get(shard);
    if (!lease || this.#releasing.has(shard)) return;
    const { store, owner, log } = this.#parts;
    owner.disown([shard]);
    const released = owner
      .drained([shard])
      .then(() => store.releaseShards([lease]))
      .then(() => this.#leases.delete(shard))
      .catch((error: unknown) => {
        log.taskFailed('release a shard', error);
        // Still ours: it is claimed once more, and goes on being sent until a round releases it.
        this.#leases.delete(shard);
      })
      .then(() => void this.#releasing.delete(shard));
    this.#releasing.set(shard, released);
  }
}
