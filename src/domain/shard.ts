/** The number of shards: fixed, since a stored webhook's shard follows from its id. */
export const SHARD_COUNT = 64;

/** A running process of the cluster: a new one at each start. */
export type NodeId = string;

export function shardOf(webhookId: number): number {
  return webhookId % SHARD_COUNT;
}

/** The right to send to a shard's webhooks and to record it, as long as the epoch stands. */
export interface ShardLease {
  readonly shard: number;
  /** Rises with every change of owner; a record with an older one is refused. */
  readonly epoch: number;
}

/** How the cluster looks at one moment, the same for every node that looks. */
export interface ClusterView {
  /** Nodes that deliver and whose time has not run out. */
  readonly nodes: readonly NodeId[];
  /** All shards; owner null: nobody's, or its owner's time has run out. */
  readonly shards: readonly { readonly shard: number; readonly owner: NodeId | null }[];
}

/** What a node should give up, and what it should try to take. */
export interface ShardPlan {
  readonly release: readonly number[];
  readonly claim: readonly number[];
}

/**
 * Spreads the shards evenly over the living nodes: shares differ by one at most, and no more moves
 * than has to. Every node plans for itself, from the same view; what two try to take at once goes to
 * one of them, and the other plans again.
 */
export function planShards({ nodes, shards }: ClusterView, self: NodeId): ShardPlan {
  const order = nodes.toSorted();
  const rank = order.indexOf(self);
  if (rank === -1) return { release: [], claim: [] };
  const mine = shards.filter(({ owner }) => owner === self).map(({ shard }) => shard);
  const share = shareOf(rank, order, shards);
  if (mine.length > share) return { release: mine.slice(share), claim: [] };
  const free = shards.filter(({ owner }) => owner === null).map(({ shard }) => shard);
  // Each begins elsewhere, so that they seldom reach for the same ones.
  const first = Math.floor((free.length * rank) / order.length);
  const turned = [...free.slice(first), ...free.slice(0, first)];
  return { release: [], claim: turned.slice(0, share - mine.length) };
}

/** Where the shards cannot be divided evenly, those that own most already keep one more. */
function shareOf(rank: number, order: readonly NodeId[], shards: ClusterView['shards']): number {
  const owned = order.map((node) => shards.filter(({ owner }) => owner === node).length);
  const byOwned = order
    .map((_, index) => index)
    .toSorted((a, b) => (owned[b] ?? 0) - (owned[a] ?? 0) || a - b);
  const base = Math.floor(shards.length / order.length);
  return base + (byOwned.indexOf(rank) < shards.length % order.length ? 1 : 0);
}
