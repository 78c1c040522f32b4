import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { delivered, endOf } from '../contract/examples.ts';
import { TwoNodes } from './two-nodes.ts';
import { untilSomeoneWaits } from './waiting.ts';

describe('a webhook’s health', () => {
  it('loses no record that comes while another node gives the webhook another URL', async () => {
    await using nodes = await TwoNodes.start();
    const { database, node, other } = nodes;
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
