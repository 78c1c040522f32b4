import type { ClusterView, NodeId, ShardLease } from '../../domain/shard.ts';
import type { ShardStore } from '../shard-store.ts';
import { numberArray } from './arrays.ts';
import { inOrder } from './session.ts';
import type { SessionPool } from './session-pool.ts';

/** By the database's clock: the nodes' own may differ. Rows of nodes long gone go along. */
const RENEW = {
  name: 'renew_node',
  text: `WITH gone AS (DELETE FROM node WHERE expires_at < clock_timestamp() - interval '1 hour'
      AND id <> $1)
    INSERT INTO node (id, expires_at)
    VALUES ($1, clock_timestamp() + $2::integer * interval '1 millisecond')
    ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at`,
};

const NODES = { name: 'nodes', text: 'SELECT id FROM node WHERE expires_at > clock_timestamp()' };

const SHARDS = {
  name: 'shards',
  text: `SELECT s.id AS shard, n.id AS owner FROM shard s
    LEFT JOIN node n ON n.id = s.owner AND n.expires_at > clock_timestamp() ORDER BY s.id`,
};

/** Waits for commits that record for these shards, and for other nodes that take or give up any. */
const LOCK_SHARDS = {
  name: 'lock_shards',
  text: 'SELECT 1 FROM shard WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE',
};

/** A statement of its own, after the locks: it sees who has taken them in the meantime, and renewed. */
const CLAIM_SHARDS = {
  name: 'claim_shards',
  text: `UPDATE shard s SET owner = $1, epoch = s.epoch + 1
    WHERE s.id = ANY ($2::bigint[]) AND (s.owner IS NULL OR s.owner = $1 OR NOT EXISTS (
      SELECT 1 FROM node n WHERE n.id = s.owner AND n.expires_at > clock_timestamp()))
    RETURNING s.id AS shard, s.epoch`,
};

const RELEASE_SHARDS = {
  name: 'release_shards',
  text: `UPDATE shard s SET owner = NULL
    FROM unnest($2::bigint[], $3::bigint[]) AS given (shard, epoch)
    WHERE s.id = given.shard AND s.epoch = given.epoch AND s.owner = $1`,
};

const OWNED_SHARDS = {
  name: 'owned_shards',
  text: 'SELECT id FROM shard WHERE owner = $1 ORDER BY id FOR NO KEY UPDATE',
};

const DISOWN_ALL = { name: 'disown_all', text: 'UPDATE shard SET owner = NULL WHERE owner = $1' };

const REMOVE_NODE = { name: 'remove_node', text: 'DELETE FROM node WHERE id = $1' };

/** This node among the others: who is alive, and whose the shards are. */
export class Nodes implements ShardStore {
  readonly #pool: SessionPool;
  readonly #nodeId: NodeId;
  /** What `claimShards` has answered. */
  readonly #held = new Set<number>();

  constructor(pool: SessionPool, nodeId: NodeId) {
    this.#pool = pool;
    this.#nodeId = nodeId;
  }

  async renew(ttlMs: number): Promise<ClusterView> {
    const [, nodes, shards] = await this.#pool.run((session) =>
      inOrder([
        session.query(RENEW, [this.#nodeId, ttlMs]),
        session.query<{ id: NodeId }>(NODES),
        session.query<ClusterView['shards'][number]>(SHARDS),
      ]),
    );
    return {
      nodes: nodes.map(({ id }) => id),
      // A claim whose answer got lost is made once more: nobody here has the lease.
      shards: shards.map(({ shard, owner }) => ({
        shard,
        owner: owner === this.#nodeId && !this.#held.has(shard) ? null : owner,
      })),
    };
  }

  async claimShards(shards: readonly number[]): Promise<readonly ShardLease[]> {
    const ids = numberArray(shards);
    const leases = await this.#pool.transaction(async (session) => {
      const locked = session.query(LOCK_SHARDS, [ids]);
      const [, claimed] = await inOrder([
        locked,
        session.query<ShardLease>(CLAIM_SHARDS, [this.#nodeId, ids]),
      ]);
      return claimed;
    });
    for (const { shard } of leases) this.#held.add(shard);
    return leases.toSorted((a, b) => a.shard - b.shard);
  }

  async releaseShards(leases: readonly ShardLease[]): Promise<void> {
    const shards = numberArray(leases.map(({ shard }) => shard));
    const epochs = numberArray(leases.map(({ epoch }) => epoch));
    await this.#pool.transaction((session) =>
      inOrder([
        session.query(LOCK_SHARDS, [shards]),
        session.query(RELEASE_SHARDS, [this.#nodeId, shards, epochs]),
      ]),
    );
    for (const { shard } of leases) this.#held.delete(shard);
  }

  async leave(): Promise<void> {
    await this.#pool.transaction((session) =>
      inOrder([
        session.query(OWNED_SHARDS, [this.#nodeId]),
        session.query(DISOWN_ALL, [this.#nodeId]),
        session.query(REMOVE_NODE, [this.#nodeId]),
      ]),
    );
    this.#held.clear();
  }
}
