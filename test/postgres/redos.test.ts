import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { countRedo } from '../../src/catalog/count-redo.ts';
import { eventIdMaker } from '../../src/domain/ids.ts';
import type { NewRedo } from '../../src/domain/redo.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { givenUp } from '../contract/examples.ts';
import { aReplay, HOUR } from '../contract/redo-scene.ts';
import { withClient, type TestDatabase } from './test-databases.ts';
import type { TestNode } from './test-node.ts';
import { TwoNodes } from './two-nodes.ts';
import { untilSomeoneWaits } from './waiting.ts';

const DAY_MS = 86_400_000;

describe('a redo beside what goes on at another node', () => {
  let nodes: TwoNodes;
  let database: TestDatabase;
  let node: TestNode;
  let other: TestNode;

  before(async () => {
    nodes = await TwoNodes.start();
    ({ database, node, other } = nodes);
  });
  after(() => nodes[Symbol.asyncDispose]());

  async function onePending() {
    const accountId = await node.store.createAccount('An account');
    const webhook = await node.webhook(accountId);
    const event = await node.accept(accountId, [webhook]);
    return { accountId, webhook, event, record: node.recordOf(event, webhook, givenUp()) };
  }

  async function created(redo: NewRedo): Promise<{ id: number; count: number }> {
    const found = await other.store.createRedo(redo);
    assert.equal(found?.kind, 'created');
    return { id: found.redo.id, count: await countRedo(other.store, found.redo) };
  }

  const statusOf = async (webhook: Webhook, eventId: `evt_${string}`): Promise<unknown> =>
    (await node.store.delivery(webhook.accountId, { eventId, webhookId: webhook.id }))?.status;

  it('is about what a record that it had to wait for has ended', async () => {
    const { webhook, record } = await onePending();
    const atCommit = node.proxy.holdNext('COMMIT');
    const recording = node.commit({ records: [record] });
    const request = await atCommit;
    const creating = created(aReplay(webhook));
    await untilSomeoneWaits(database.url);
    request.release();
    assert.deepEqual((await recording).records, ['recorded']);
    assert.equal((await creating).count, 1);
  });

  it('is not about what ends in a record that had to wait for it', async () => {
    const { webhook, event, record } = await onePending();
    const atCommit = other.proxy.holdNext('COMMIT');
    const creating = created(aReplay(webhook));
    const request = await atCommit;
    const recording = node.commit({ records: [record] });
    await untilSomeoneWaits(database.url);
    request.release();
    const { id } = await creating;
    assert.deepEqual((await recording).records, ['recorded']);
    assert.equal(await countRedo(other.store, { ...aReplay(webhook), id }), 0);
    await other.store.startRedo(id, 0);
    const step = await other.store.stepRedo({ id, webhookId: webhook.id });
    assert.deepEqual(step, { putBack: 0, ended: true });
    assert.equal(await statusOf(webhook, event.id), 'exhausted');
  });

  it('leaves nothing pending of a webhook that is deleted while a step is on its way', async () => {
    const { accountId, webhook, event, record } = await onePending();
    await node.commit({ records: [record] });
    const { id, count } = await created(aReplay(webhook));
    await other.store.startRedo(id, count);
    const atCommit = other.proxy.holdNext('COMMIT');
    const stepping = other.store.stepRedo({ id, webhookId: webhook.id });
    const request = await atCommit;
    const deleting = node.store.deleteWebhook(accountId, webhook.id);
    await untilSomeoneWaits(database.url);
    request.release();
    assert.deepEqual(await stepping, { putBack: 1, ended: true });
    await deleting;
    assert.equal(await node.store.cancelPending(webhook.id, 10), 1);
    assert.equal(await statusOf(webhook, event.id), 'canceled');
  });

  it('puts a delivery back once, where two nodes retry it at once', async () => {
    const { accountId, webhook, event, record } = await onePending();
    await node.commit({ records: [record] });
    const key = { eventId: event.id, webhookId: webhook.id };
    const atCommit = other.proxy.holdNext('COMMIT');
    const first = other.store.retryDelivery(accountId, key);
    const request = await atCommit;
    const second = node.store.retryDelivery(accountId, key);
    await untilSomeoneWaits(database.url);
    request.release();
    assert.deepEqual([await first, await second], [{ kind: 'put_back' }, { kind: 'pending' }]);
  });

  it('leaves nothing pending of a day that is dropped meanwhile', async () => {
    const accountId = await node.store.createAccount('An account');
    const webhook = await node.webhook(accountId);
    const old = Date.now() - 40 * DAY_MS;
    const event = await node.accept(accountId, [webhook], { id: eventIdMaker(() => old)() });
    await node.commit({ records: [node.recordOf(event, webhook, givenUp())] });
    const atCommit = other.proxy.holdNext('COMMIT');
    const key = { eventId: event.id, webhookId: webhook.id };
    const retrying = other.store.retryDelivery(accountId, key);
    const request = await atCommit;
    const expiring = node.store.expire(Date.now() - 30 * DAY_MS, 100);
    // It has ended what was pending by then, and waits to drop.
    await untilSomeoneWaits(database.url);
    request.release();
    assert.deepEqual(await retrying, { kind: 'put_back' });
    let { events } = await expiring;
    // Where it has waited for too long it is tried again.
    while (events === 0) ({ events } = await node.store.expire(Date.now() - 30 * DAY_MS, 100));
    const pending = await withClient(database.url, (client) =>
      client.query('SELECT FROM queue WHERE webhook_id = $1', [webhook.id]),
    );
    assert.equal(pending.rows.length, 0, 'due for ever, with nothing to send');
    const range = { from: old - HOUR, to: Date.now() };
    assert.equal(await countRedo(node.store, { ...aReplay(webhook, range), id: null }), 0);
  });
});
