import { waitFor } from '../e2e/wait-for.ts';
import type { HeldRequest } from '../postgres/tcp-proxy.ts';
import type { ClusterNode } from './cluster-node.ts';
import type { TestCluster } from './test-cluster.ts';

/** Far above what it takes until a node commits something, or loses all it has. */
const LIMIT_MS = 60_000;

/** How often each comes, in an order that the seed decides. */
const COUNTS = { kill: 5, freeze: 3, restart: 4, cut: 4, commit: 6 } as const;
export type FaultKind = keyof typeof COUNTS;

/** In the middle of a commit: before the database has it, after it has it, or without its noticing. */
const COMMIT_CUTS = ['before', 'after', 'silently'] as const;

/** A node that was killed or frozen. */
export interface Silenced {
  readonly node: string;
  readonly how: 'kill' | 'freeze';
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What is done to the nodes and to their database. */
export class CrashFaults {
  readonly counts: Record<string, number> = {};
  readonly silenced: Silenced[] = [];
  readonly #cluster: TestCluster;
  readonly #random: () => number;
  #commitCuts = 0;

  constructor(cluster: TestCluster, random: () => number) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** Every kind as often as it has to come. */
  sequence(): FaultKind[] {
    const kinds = Object.entries(COUNTS).flatMap(([kind, count]) =>
      Array.from({ length: count }, () => kind as FaultKind),
    );
    for (let i = kinds.length - 1; i > 0; i -= 1) {
      const j = Math.floor(this.#random() * (i + 1));
      [kinds[i], kinds[j]] = [kinds[j] as FaultKind, kinds[i] as FaultKind];
    }
    return kinds;
  }

  async happen(kind: FaultKind): Promise<void> {
    switch (kind) {
      case 'kill':
        this.#count(kind);
        return this.#kill();
      case 'freeze':
        this.#count(kind);
        return this.#freeze();
      case 'restart':
        this.#count(kind);
        return this.#cluster.server.restart('immediate');
      case 'cut':
        this.#count(kind);
        return this.#cut();
      case 'commit':
        return this.#cutCommit();
    }
  }

  async #kill(): Promise<void> {
    const node = this.#one(this.#cluster.nodes);
    this.silenced.push({ node: node.name, how: 'kill', at: Date.now() });
    await this.#cluster.end(node, 'SIGKILL');
    await this.#cluster.add();
  }

  /** Until all that it owned has been taken from it, and a second more: what it does then is told by its time. */
  async #freeze(): Promise<void> {
    const node = await this.#busiest();
    this.silenced.push({ node: node.name, how: 'freeze', at: Date.now() });
    node.freeze();
    try {
      const { observer } = this.#cluster;
      const lost = async (): Promise<boolean> => (await observer.ownedBy(node.name)).length === 0;
      await waitFor(`all of ${node.name} is taken over`, lost, LIMIT_MS);
      const second = Math.floor(Date.now() / 1_000);
      await waitFor('the next second', () => Date.now() / 1_000 >= second + 1);
    } finally {
      node.thaw();
    }
  }

  #cut(): void {
    const every = this.#random() < 0.3;
    for (const { proxy } of every ? this.#cluster.nodes : [this.#one(this.#cluster.nodes)]) {
      proxy.cutAll();
    }
  }

  async #cutCommit(): Promise<void> {
    const how = COMMIT_CUTS[this.#commitCuts % COMMIT_CUTS.length];
    this.#commitCuts += 1;
    this.#count(`commit, ${how}`);
    const node = this.#one(this.#cluster.nodes);
    let request: HeldRequest | undefined;
    let cut = false;
    void node.proxy.holdNext('COMMIT').then((held) => (request = held));
    const held = await waitFor(`${node.name} commits`, () => request, LIMIT_MS);
    if (how === 'before') held.cut();
    if (how === 'silently') held.cutClientOnly();
    if (how !== 'after') return;
    void held.cutAfterAnswer().then(() => (cut = true));
    await waitFor('the commit is answered', () => cut, LIMIT_MS);
  }

  /** One that has much in hand: there is much to do wrong. */
  async #busiest(): Promise<ClusterNode> {
    return waitFor('something is pending at a living node', async () => {
      const busiest = await this.#cluster.observer.busiest();
      return this.#cluster.nodes.find(({ name }) => name === busiest);
    });
  }

  #one<Item>(of: readonly Item[]): Item {
    return of[Math.floor(this.#random() * of.length)] as Item;
  }

  #count(kind: string): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
  }
}
