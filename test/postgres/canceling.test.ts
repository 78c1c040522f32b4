import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { after, before, describe, it } from 'node:test';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import { delivered } from '../contract/examples.ts';
import { withClient, type TestDatabase } from './test-databases.ts';
import type { TestNode } from './test-node.ts';
import { TwoNodes } from './two-nodes.ts';
import { untilSomeoneWaits } from './waiting.ts';

describe('pending deliveries canceled while one of them is recorded', () => {
  let nodes: TwoNodes;
  let database: TestDatabase;
  let node: TestNode;
  let other: TestNode;

  before(async () => {
    nodes = await TwoNodes.start();
    ({ database, node, other } = nodes);
  });
  after(() => nodes[Symbol.asyncDispose]());

  async function deletedWithOnePending() {
    const accountId = await node.store.createAccount('An account');
    const webhook = await node.webhook(accountId);
    const event = await node.accept(accountId, [webhook]);
    await other.store.deleteWebhook(accountId, webhook.id);
    const key = { eventId: event.id, webhookId: webhook.id };
    const shown = async (): Promise<unknown> => {
      const found = await node.store.delivery(accountId, key);
      return [found?.status, found?.attemptCount, found?.attempts.length];
    };
    return { webhook, shown, record: node.recordOf(event, webhook, delivered()) };
  }

  it('before the commit of the record: what was sent stands', async () => {
    const { webhook, shown, record } = await deletedWithOnePending();
    const atCommit = node.proxy.holdNext('COMMIT');
    const recording = node.commit({ records: [record] });
    const request = await atCommit;
    const canceling = other.store.cancelPending(webhook.id, 10);
    await untilSomeoneWaits(database.url);
    request.release();
    assert.deepEqual((await recording).records, ['recorded']);
    assert.equal(await canceling, 0);
    assert.deepEqual(await shown(), ['succeeded', 1, 1]);
  });

  it('row by row in another order: neither waits for what the other one holds', async () => {
    const accountId = await node.store.createAccount('An account');
    const webhook = await node.webhook(accountId);
    const events: AcceptedEvent[] = [];
    for (let i = 0; i < 3; i += 1) events.push(await node.accept(accountId, [webhook]));
    const [, middle] = events;
    assert.ok(middle);
    await other.store.deleteWebhook(accountId, webhook.id);
    const sent: unknown[] = [];
    const listen = (message: unknown): void => void sent.push((message as { name?: string }).name);
    await withClient(database.url, async (client) => {
      // Holds up whoever comes to the second of the three.
      await client.query('BEGIN');
      const key = [webhook.id, middle.id.slice(4)];
      await client.query(
        'SELECT FROM queue WHERE webhook_id = $1 AND event_id = $2 FOR UPDATE',
        key,
      );
      subscribe('posthorn:postgres:statement', listen);
      const records = events
        .map((event) => node.recordOf(event, webhook, delivered()))
        .toReversed();
      const recording = node.commit({ records });
      await untilSomeoneWaits(database.url, 1);
      const canceling = other.store.cancelPending(webhook.id, 10);
      await untilSomeoneWaits(database.url, 2);
      await client.query('COMMIT');
      assert.deepEqual((await recording).records, ['recorded', 'recorded', 'recorded']);
      assert.equal(await canceling, 0);
      unsubscribe('posthorn:postgres:statement', listen);
    });
    const tries = sent.filter((name) => name === 'record' || name === 'cancel_pending');
    assert.deepEqual(tries, ['record', 'cancel_pending'], 'no deadlock made one of them try again');
  });

  it('in a transaction that the record waits for: canceled stands, and the attempt is kept', async () => {
    const { webhook, shown, record } = await deletedWithOnePending();
    const atCommit = other.proxy.holdNext('COMMIT');
    const canceling = other.store.cancelPending(webhook.id, 10);
    const request = await atCommit;
    const recording = node.commit({ records: [record] });
    await untilSomeoneWaits(database.url);
    request.release();
    assert.equal(await canceling, 1);
    assert.deepEqual((await recording).records, ['recorded']);
    assert.deepEqual(await shown(), ['canceled', 1, 1]);
  });
});
