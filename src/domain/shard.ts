/** The number of shards: fixed, since a stored webhook's shard follows from its id. */
export const SHARD_COUNT = 64;

export function shardOf(webhookId: number): number {
  return webhookId % SHARD_COUNT;
}

/** The right to send to a shard's webhooks and to record it, as long as the epoch stands. */
export interface ShardLease {
  readonly shard: number;
  /** Rises with every change of owner; a record with an older one is refused. */
  readonly epoch: number;
}
