import { testDatabases, type TestDatabase } from './test-databases.ts';
import { TestNode } from './test-node.ts';

/** Two nodes on a database of their own: `node` owns all shards, `other` none. */
export class TwoNodes implements AsyncDisposable {
  readonly database: TestDatabase;
  readonly node: TestNode;
  readonly other: TestNode;

  private constructor(database: TestDatabase, node: TestNode, other: TestNode) {
    this.database = database;
    this.node = node;
    this.other = other;
  }

  static async start(): Promise<TwoNodes> {
    const database = await (await testDatabases()).fresh();
    const node = await TestNode.start('node', database.url);
    const other = await TestNode.start('other', database.url);
    await node.claim();
    return new TwoNodes(database, node, other);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
    await this.other[Symbol.asyncDispose]();
    await this.database[Symbol.asyncDispose]();
  }
}
