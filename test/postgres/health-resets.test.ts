import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { delivered, endOf } from '../contract/examples.ts';
import { testDatabases } from './test-databases.ts';
import { TestNode } from './test-node.ts';
import { untilSomeoneWaits } from './waiting.ts';

describe('a webhook’s health', () => {
  it('loses no record that comes while another node gives the webhook another URL', async () => {
    await using database = await (await testDatabases()).fresh();
    await using node = await TestNode.start('node', database.url);
    await using other = await TestNode.start('other', database.url);
    await node.claim();
    const accountId = await node.store.createAccount('An account');
    const webhook = await node.webhook(accountId);
    const event = await node.accept(accountId, [webhook]);
    const record = node.recordOf(event, webhook, delivered());
    const atCommit = other.proxy.holdNext('COMMIT');
    const url = 'https://example.com/moved';
    const moving = other.store.updateWebhook(accountId, webhook.id, { url });
    const request = await atCommit;
    const recording = node.commit({ records: [record] });
    await untilSomeoneWaits(database.url);
    request.release();
    assert.equal((await moving)?.url, url);
    assert.deepEqual((await recording).records, ['recorded']);
    const shown = await node.store.webhook(accountId, webhook.id);
    assert.equal(shown?.health.lastSuccessAt, endOf(record.attempt));
  });
});
