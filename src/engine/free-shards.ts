import type { ClusterView } from '../domain/shard.ts';

/**
 * Since when shards have been nobody's, as far as this node has seen. Who has a right to them by its
 * share may have died just now: until its own time runs out it is among the living, and takes nothing.
 */
export class FreeShards {
  readonly #since = new Map<number, number>();

  note({ shards }: ClusterView, now: number): void {
    for (const { shard, owner } of shards) {
      if (owner !== null) this.#since.delete(shard);
      else if (!this.#since.has(shard)) this.#since.set(shard, now);
    }
  }

  /** Those that were free already at that time. */
  before(time: number): number[] {
    return [...this.#since].flatMap(([shard, since]) => (since <= time ? [shard] : []));
  }

  clear(): void {
    this.#since.clear();
  }
}
