import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RetriedDelivery, SignalListener, WebhookName } from '../../src/store/signal-store.ts';
import { answered410, aWebhook, newEventId } from '../contract/examples.ts';
import { testDatabases, withClient, type TestDatabase } from './test-databases.ts';
import { TestNode } from './test-node.ts';
import { until } from './waiting.ts';

class Heard implements SignalListener {
  readonly webhooks = new Map<number, number>();
  readonly accounts = new Map<number, number>();
  readonly retriedOnes: RetriedDelivery[] = [];
  lookedAgain = 0;

  pending(webhooks: readonly WebhookName[]): void {
    for (const { accountId, webhookId } of webhooks) this.webhooks.set(webhookId, accountId);
  }

  retried(deliveries: readonly RetriedDelivery[]): void {
    this.retriedOnes.push(...deliveries);
  }

  accountChanged(accountId: number, version: number): void {
    this.accounts.set(accountId, version);
  }

  missed(): void {
    this.lookedAgain += 1;
  }
}

describe('signals between nodes', () => {
  let database: TestDatabase;
  let teller: TestNode;
  let hearer: TestNode;
  let heard: Heard;
  let own: Heard;

  before(async () => {
    database = await (await testDatabases()).fresh();
    teller = await TestNode.start('teller', database.url);
    hearer = await TestNode.start('hearer', database.url);
    heard = new Heard();
    own = new Heard();
    hearer.store.listen(heard);
    teller.store.listen(own);
    await until('both listen', () => heard.lookedAgain > 0 && own.lookedAgain > 0);
  });
  after(async () => {
    await teller[Symbol.asyncDispose]();
    await hearer[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  it('tell of deliveries accepted elsewhere, a thousand webhooks at once, and none to its own node', async () => {
    const webhooks = Array.from({ length: 1_000 }, (_, i) => ({
      accountId: 2 ** 53 - 1,
      webhookId: 2 ** 53 - 1 - i,
    }));
    teller.store.announcePending(webhooks.slice(0, 600));
    teller.store.announcePending(webhooks.slice(400));
    await until('all are heard of', () => heard.webhooks.size === 1_000);
    for (const { accountId, webhookId } of webhooks) {
      assert.equal(heard.webhooks.get(webhookId), accountId);
    }
    assert.equal(own.webhooks.size, 0);
  });

  it('tell of so many webhooks that all is looked at instead', async () => {
    const before = heard.lookedAgain;
    heard.webhooks.clear();
    const webhooks = Array.from({ length: 6_000 }, (_, i) => ({ accountId: 1, webhookId: i + 1 }));
    teller.store.announcePending(webhooks);
    await until('it looks again', () => heard.lookedAgain > before);
    assert.equal(heard.webhooks.size, 0);
  });

  it('tell of each delivery that is retried, and of its webhook to nodes that know only those', async () => {
    const largest = 2 ** 53 - 1;
    const given = Array.from({ length: 250 }, (_, i) => ({
      accountId: largest,
      webhookId: largest - (i % 7),
      eventId: newEventId(),
    }));
    heard.webhooks.clear();
    for (const delivery of given) teller.store.announceRetried(delivery);
    await until('all are heard of', () => heard.retriedOnes.length === given.length);
    assert.deepEqual(heard.retriedOnes, given);
    await until('their webhooks too', () => heard.webhooks.size === 7);
    assert.equal(own.retriedOnes.length, 0);
  });

  it('tell of every change of an account', async () => {
    const { store } = teller;
    const id = await store.createAccount('An account');
    const version = async (): Promise<number> => (await store.account(id)).version;
    const isHeard = async (): Promise<void> => {
      const now = await version();
      await until(`version ${now} is heard of`, () => heard.accounts.get(id) === now);
    };
    const { webhook } = await store.createWebhook(aWebhook(id), true);
    await isHeard();
    await store.updateWebhook(id, webhook.id, { name: 'Another' });
    await isHeard();
    await store.declareCampaign(id, 5, { name: null, clientId: 6, status: null });
    await isHeard();
    await teller.claim();
    const event = await teller.accept(id, [webhook]);
    await teller.commit({ records: [teller.recordOf(event, webhook, answered410())] });
    await isHeard();
    await store.deleteWebhook(id, webhook.id);
    await isHeard();
    assert.equal(await version(), 5);
    assert.deepEqual([...own.accounts], []);
  });

  it('after a broken connection all is looked at, and they are heard again', async () => {
    const before = heard.lookedAgain;
    await withClient(database.url, (client) =>
      client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
           AND application_name = 'posthorn listen'`,
      ),
    );
    await until('it looks again', () => heard.lookedAgain > before);
    heard.webhooks.clear();
    teller.store.announcePending([{ accountId: 1, webhookId: 2 }]);
    await until('it hears', () => heard.webhooks.get(2) === 1);
  });

  it('are replaced by looking at all now and then, as long as nothing can be heard', async () => {
    hearer.proxy.shut();
    const before = heard.lookedAgain;
    await until('it looks again, and again', () => heard.lookedAgain >= before + 2);
    hearer.proxy.open();
    await until('it listens', () => heard.lookedAgain >= before + 3);
  });

  it('that could not be sent are sent later', async () => {
    heard.webhooks.clear();
    teller.proxy.shut();
    teller.store.announcePending([{ accountId: 1, webhookId: 3 }]);
    await until('it has failed to send', () => teller.proxy.refused > 0);
    teller.proxy.open();
    await until('it hears', () => heard.webhooks.get(3) === 1);
  });

  it('of a newer version that say what nobody knows here are passed over', async () => {
    heard.webhooks.clear();
    await withClient(database.url, async (client) => {
      for (const payload of ['', 'x', '{}', '{"node":"x","news":1}', '[]', 'null']) {
        await client.query('SELECT pg_notify($1, $2)', ['posthorn', payload]);
      }
    });
    teller.store.announcePending([{ accountId: 1, webhookId: 4 }]);
    await until('it hears', () => heard.webhooks.get(4) === 1);
    assert.equal(heard.webhooks.size, 1);
  });

  it('are not heard after the end of listening', async () => {
    heard.webhooks.clear();
    hearer.store.listen(null);
    const other = new Heard();
    hearer.store.listen(other);
    await until('it listens', () => other.lookedAgain > 0);
    teller.store.announcePending([{ accountId: 1, webhookId: 5 }]);
    await until('it hears', () => other.webhooks.get(5) === 1);
    assert.equal(heard.webhooks.size, 0);
  });
});
