import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { planShards, SHARD_COUNT, type ClusterView, type NodeId } from '../../src/domain/shard.ts';

const RUNS = { numRuns: 300 };
/** Far more than it takes: two that reach for the same ones plan again. */
const ROUNDS = 20;

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 9,
});

/** Any view: shards of living nodes and of nobody, in any shares. */
const views = names.chain((nodes) =>
  fc
    .array(fc.constantFrom(null, ...nodes), { minLength: SHARD_COUNT, maxLength: SHARD_COUNT })
    .map((owners) => viewOf(nodes, owners)),
);

/** A view in which one node, or a few, have nearly everything: one that started first, an outage. */
const lopsided = fc
  .tuple(names, fc.nat(), fc.nat({ max: SHARD_COUNT }))
  .map(([nodes, most, free]) =>
    viewOf(
      nodes,
      Array.from({ length: SHARD_COUNT }, (_, shard) =>
        shard < free ? null : (nodes[most % nodes.length] ?? null),
      ),
    ),
  );

const anyView = fc.oneof(views, lopsided);

function viewOf(nodes: readonly NodeId[], owners: readonly (NodeId | null)[]): ClusterView {
  return { nodes, shards: owners.map((owner, shard) => ({ shard, owner })) };
}

function shares({ nodes, shards }: ClusterView): number[] {
  return nodes.map((node) => shards.filter(({ owner }) => owner === node).length);
}

function isEven(view: ClusterView): boolean {
  const owned = shares(view);
  const free = view.shards.some(({ owner }) => owner === null);
  return !free && Math.max(...owned) - Math.min(...owned) <= 1;
}

/** What the store makes of the plans: who claims first has it, and what is owned cannot be claimed. */
class Cluster {
  readonly nodes: readonly NodeId[];
  readonly owners: (NodeId | null)[];
  released = 0;

  constructor({ nodes, shards }: ClusterView) {
    this.nodes = nodes;
    this.owners = shards.map(({ owner }) => owner);
  }

  get view(): ClusterView {
    return viewOf(this.nodes, this.owners);
  }

  /** One node does what it planned from a view, which may be older than what is now. */
  act(node: NodeId, seen: ClusterView): void {
    const { release, claim } = planShards(seen, node);
    for (const shard of release) {
      assert.equal(seen.shards[shard]?.owner, node, 'gives up what is its own only');
      this.owners[shard] = null;
      this.released += 1;
    }
    for (const shard of claim) {
      assert.equal(seen.shards[shard]?.owner, null, 'claims nothing of a living owner');
      this.owners[shard] ??= node;
    }
  }
}

describe('a plan of shards', () => {
  it('makes shares even where all look at the same moment, whoever is first to claim', () => {
    const order = fc.infiniteStream(fc.nat());
    fc.assert(
      fc.property(anyView, order, (view, turns) => {
        const cluster = new Cluster(view);
        for (let round = 0; round < ROUNDS && !isEven(cluster.view); round += 1) {
          const seen = cluster.view;
          const waiting = [...cluster.nodes];
          while (waiting.length > 0) {
            const next = Number(turns.next().value) % waiting.length;
            for (const node of waiting.splice(next, 1)) cluster.act(node, seen);
          }
        }
        assert.ok(isEven(cluster.view), JSON.stringify(shares(cluster.view)));
      }),
      RUNS,
    );
  });

  it('makes shares even where they look one after another', () => {
    fc.assert(
      fc.property(anyView, (view) => {
        const cluster = new Cluster(view);
        for (let round = 0; round < ROUNDS && !isEven(cluster.view); round += 1) {
          for (const node of cluster.nodes) cluster.act(node, cluster.view);
        }
        assert.ok(isEven(cluster.view), JSON.stringify(shares(cluster.view)));
      }),
      RUNS,
    );
  });

  it('moves no more than has to', () => {
    fc.assert(
      fc.property(anyView, (view) => {
        const cluster = new Cluster(view);
        for (let round = 0; round < ROUNDS && !isEven(cluster.view); round += 1) {
          const seen = cluster.view;
          for (const node of cluster.nodes) cluster.act(node, seen);
        }
        // Those that own most keep the odd ones.
        const owned = shares(view).toSorted((a, b) => b - a);
        const base = Math.floor(SHARD_COUNT / owned.length);
        const odd = SHARD_COUNT % owned.length;
        const least = owned.reduce(
          (sum, own, i) => sum + Math.max(0, own - base - (i < odd ? 1 : 0)),
          0,
        );
        assert.equal(cluster.released, least);
      }),
      RUNS,
    );
  });

  it('moves nothing when it is even', () => {
    const even = names.map((nodes) =>
      viewOf(
        nodes,
        Array.from({ length: SHARD_COUNT }, (_, i) => nodes[i % nodes.length] ?? null),
      ),
    );
    fc.assert(
      fc.property(even, (view) => {
        for (const node of view.nodes) {
          assert.deepEqual(planShards(view, node), { release: [], claim: [] });
        }
      }),
      RUNS,
    );
  });

  it('has all shards of a dead node claimed in two rounds, and no other given up', () => {
    const deaths = names.filter(({ length }) => length > 1);
    fc.assert(
      fc.property(deaths, ([dead = '', ...living]) => {
        const nodes = [dead, ...living];
        const owners = Array.from(
          { length: SHARD_COUNT },
          (_, i) => nodes[i % nodes.length] ?? null,
        );
        const view = viewOf(
          living,
          owners.map((owner) => (owner === dead ? null : owner)),
        );
        const cluster = new Cluster(view);
        for (let round = 0; round < 2; round += 1) {
          const seen = cluster.view;
          for (const node of living) cluster.act(node, seen);
        }
        assert.ok(cluster.owners.every((owner) => owner !== null));
        assert.equal(cluster.released, 0);
        assert.ok(isEven(cluster.view));
      }),
      RUNS,
    );
  });

  it('is to do nothing for a node whose time has run out', () => {
    fc.assert(
      fc.property(anyView, (view) => {
        assert.deepEqual(planShards(view, 'not among them'), { release: [], claim: [] });
      }),
      RUNS,
    );
  });
});
