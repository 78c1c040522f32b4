import type { AcceptedEvent } from '../../src/domain/event.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { withClient, type TestDatabase } from './test-databases.ts';
import type { TestNode } from './test-node.ts';
import { TwoNodes } from './two-nodes.ts';

export const TTL_MS = 60_000;

/** Two nodes on a database: `old` owns the shards and does not know that its time has run out. */
export class TwoOwners implements AsyncDisposable {
  readonly #nodes: TwoNodes;

  private constructor(nodes: TwoNodes) {
    this.#nodes = nodes;
  }

  static async start(): Promise<TwoOwners> {
    return new TwoOwners(await TwoNodes.named('old', 'next'));
  }

  get database(): TestDatabase {
    return this.#nodes.database;
  }

  get old(): TestNode {
    return this.#nodes.node;
  }

  get next(): TestNode {
    return this.#nodes.other;
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

  [Symbol.asyncDispose](): Promise<void> {
    return this.#nodes[Symbol.asyncDispose]();
  }
}
