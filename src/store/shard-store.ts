import type { ClusterView, ShardLease } from '../domain/shard.ts';

/** Which node may send to which webhooks. An embedded store has one node: the one that opened it. */
export interface ShardStore {
  /** Says that this node delivers, and is alive for so long from now on. */
  renew(ttlMs: number): Promise<ClusterView>;
  /**
   * Takes those of the shards that are nobody's, or whose owner's time has run out, each at a new
   * epoch. Waits for records of the former owner that are being committed: after it, none can be.
   */
  claimShards(shards: readonly number[]): Promise<readonly ShardLease[]>;
  /** Gives shards up; those that are this node's no longer stay as they are. */
  releaseShards(leases: readonly ShardLease[]): Promise<void>;
  /** This node's time ends now, and its shards are nobody's. */
  leave(): Promise<void>;
}
