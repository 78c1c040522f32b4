import { temporaryDirectory } from '../e2e/ground.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { PostgresServer } from '../postgres/postgres-server.ts';
import { TestDatabases } from '../postgres/test-databases.ts';
import { ClusterNode, type ClusterNodeOptions } from './cluster-node.ts';
import { Observer } from './observer.ts';

export type NewNode = Partial<Pick<ClusterNodeOptions, 'env' | 'prepare' | 'databaseUrl'>>;

/** Server processes on a throwaway PostgreSQL of their own, which may be restarted. */
export class TestCluster implements AsyncDisposable {
  readonly server: PostgresServer;
  readonly databaseUrl: string;
  readonly observer: Observer;
  readonly #env: Readonly<Record<string, string>>;
  readonly #directory: string;
  readonly #ending: AsyncDisposableStack;
  readonly #nodes = new Set<ClusterNode>();
  /** All that there ever were. */
  readonly made: ClusterNode[] = [];

  private constructor(
    parts: { server: PostgresServer; databaseUrl: string; observer: Observer; directory: string },
    env: Readonly<Record<string, string>>,
    ending: AsyncDisposableStack,
  ) {
    this.server = parts.server;
    this.databaseUrl = parts.databaseUrl;
    this.observer = parts.observer;
    this.#directory = parts.directory;
    this.#env = env;
    this.#ending = ending;
  }

  /** @param env settings of every node */
  static async start(env: Readonly<Record<string, string>> = {}): Promise<TestCluster> {
    await using starting = new AsyncDisposableStack();
    const { path: directory } = starting.use(await temporaryDirectory());
    const server = await PostgresServer.start();
    starting.defer(() => server.stop('immediate'));
    const { url: databaseUrl } = await new TestDatabases((name) => server.url(name)).fresh();
    const observer = await Observer.install(databaseUrl);
    const parts = { server, databaseUrl, observer, directory };
    return new TestCluster(parts, env, starting.move());
  }

  /** As many nodes as that, each with its part of the work. */
  static async sharing(
    nodes: number,
    env: Readonly<Record<string, string>> = {},
  ): Promise<TestCluster> {
    const cluster = await TestCluster.start(env);
    for (let i = 0; i < nodes; i += 1) await cluster.add();
    await waitFor('all share the work', async () => {
      return Object.keys(await cluster.observer.owned()).length === nodes;
    });
    return cluster;
  }

  get nodes(): readonly ClusterNode[] {
    return [...this.#nodes];
  }

  /** Starts one more; resolves when it answers. */
  async add({
    env = {},
    prepare,
    databaseUrl = this.databaseUrl,
  }: NewNode = {}): Promise<ClusterNode> {
    const node = await ClusterNode.start({
      name: `n${this.made.length + 1}`,
      databaseUrl,
      directory: this.#directory,
      env: { ...this.#env, ...env },
      prepare,
    });
    this.made.push(node);
    this.#nodes.add(node);
    return node;
  }

  async end(node: ClusterNode, signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    this.#nodes.delete(node);
    return node.end(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) await node[Symbol.asyncDispose]();
    await this.#ending[Symbol.asyncDispose]();
  }
}
