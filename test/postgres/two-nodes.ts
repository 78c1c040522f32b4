import { testDatabases, type TestDatabase } from './test-databases.ts';
import { TestNode } from './test-node.ts';

/** Two nodes on a database of their own. */
export class TwoNodes implements AsyncDisposable {
  readonly database: TestDatabase;
  readonly node: TestNode;
  readonly other: TestNode;

  private constructor(database: TestDatabase, node: TestNode, other: TestNode) {
    this.database = database;
    this.node = node;
    this.other = other;
  }

  /** `node` owns all shards, `other` none. */
  static async start(): Promise<TwoNodes> {
    const nodes = await TwoNodes.named('node', 'other');
    await nodes.node.claim();
    return nodes;
  }

  /** Nobody owns a shard. */
  static async named(first: string, second: string): Promise<TwoNodes> {
    const database = await (await testDatabases()).fresh();
    const node = await TestNode.start(first, database.url);
    return new TwoNodes(database, node, await TestNode.start(second, database.url));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
    await this.other[Symbol.asyncDispose]();
    await this.database[Symbol.asyncDispose]();
  }
}
