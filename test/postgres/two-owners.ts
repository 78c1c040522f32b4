import type { AcceptedEvent } from '../../src/domain/event.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { testDatabases, withClient, type TestDatabase } from './test-databases.ts';
import { TestNode } from './test-node.ts';

export const TTL_MS = 60_000;

/** Two nodes on a database: `old` owns the shards and does not know that its time has run out. */
export class TwoOwners implements AsyncDisposable {
  readonly database: TestDatabase;
  readonly old: TestNode;
  readonly next: TestNode;

  private constructor(database: TestDatabase, old: TestNode, next: TestNode) {
    this.database = database;
    this.old = old;
    this.next = next;
  }

  static async start(): Promise<TwoOwners> {
    const database = await (await testDatabases()).fresh();
    const old = await TestNode.start('old', database.url);
    return new TwoOwners(database, old, await TestNode.start('next', database.url));
  }

  /** The same again from the beginning, with one pending delivery. */
  async begin(): Promise<{ webhook: Webhook; event: AcceptedEvent }> {
    const { database, old, next } = this;
    await next.store.leave();
    await old.store.leave();
    await old.store.renew(TTL_MS);
    await old.claim();
    const accountId = await old.store.createAccount('An account');
    const webhook = await old.webhook(accountId);
    const event = await old.accept(accountId, [webhook]);
    await withClient(database.url, (client) =>
      client.query(`UPDATE node SET expires_at = now() - interval '1 second' WHERE id = 'old'`),
    );
    await next.store.renew(TTL_MS);
    return { webhook, event };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.old[Symbol.asyncDispose]();
    await this.next[Symbol.asyncDispose]();
    await this.database[Symbol.asyncDispose]();
  }
}
