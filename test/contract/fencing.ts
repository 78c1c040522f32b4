import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SHARD_COUNT, shardOf } from '../../src/domain/shard.ts';
import { answered410, delivered } from './examples.ts';
import { TestAccount } from './test-account.ts';
import { EVERY_SHARD, type TestStore } from './test-store.ts';

export function fencing(opened: TestStore): void {
  describe('shards', () => {
    it('are taken over at a higher epoch by whoever comes next', async () => {
      const before = await opened.store.claimShards(EVERY_SHARD);
      assert.ok(before.length > 0);
      assert.equal(new Set(before.map(({ shard }) => shard)).size, before.length);
      await opened.reopen();
      for (const { shard, epoch } of before) {
        assert.ok(Number.isInteger(shard) && shard >= 0 && shard < SHARD_COUNT);
        assert.ok(opened.lease(shard).epoch > epoch, `shard ${shard}`);
      }
    });

    it('let nobody record who has lost them', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const [event, other] = [await account.accept([webhook]), await account.accept([webhook])];
      const record = account.recordOf(event, webhook, delivered());
      const disabling = account.recordOf(other, webhook, answered410());
      await opened.reopen();
      const before = await account.delivery(event, webhook);
      const entry = await account.entry([]);
      const results = await account.commit({ records: [record, disabling], accepts: [entry] });
      assert.deepEqual(results, {
        records: ['not_owner', 'not_owner'],
        accepts: [{ kind: 'accepted' }],
        disabled: [],
      });
      assert.deepEqual(await account.delivery(event, webhook), before);
      assert.equal((await account.health(webhook))?.lastSuccessAt, null);
      assert.equal((await account.store.webhook(account.id, webhook.id))?.webhook.status, 'active');
      assert.equal(await account.record(event, webhook, delivered()), 'recorded', 'the new owner');
    });

    it('are judged entry by entry', async () => {
      const account = await TestAccount.create(opened);
      const webhooks = [await account.webhook(), await account.webhook()];
      const event = await account.accept(webhooks);
      const [lost, kept] = webhooks.map((webhook) => account.recordOf(event, webhook, delivered()));
      assert.ok(lost && kept);
      const lease = { ...lost.lease, epoch: lost.lease.epoch - 1 };
      const { records } = await account.commit({ records: [{ ...lost, lease }, kept] });
      assert.deepEqual(records, ['not_owner', 'recorded']);
      const pending = await account.deliveries({ status: 'pending' });
      assert.deepEqual(
        pending.map(({ webhookId }) => webhookId),
        [lost.webhookId],
      );
    });

    it('are not to be had by guessing an epoch or a shard', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      const record = account.recordOf(event, webhook, delivered());
      const { shard, epoch } = record.lease;
      for (const lease of [
        { shard, epoch: epoch + 1 },
        { shard, epoch: 0 },
        { shard: SHARD_COUNT, epoch },
      ]) {
        const { records } = await account.commit({ records: [{ ...record, lease }] });
        assert.deepEqual(records, ['not_owner'], JSON.stringify(lease));
      }
      assert.equal((await account.delivery(event, webhook)).status, 'pending');
    });

    it('give the right to their own webhooks only', async () => {
      const account = await TestAccount.create(opened);
      const [webhook, neighbour] = [await account.webhook(), await account.webhook()];
      assert.notEqual(shardOf(webhook.id), shardOf(neighbour.id));
      const event = await account.accept([webhook]);
      const record = account.recordOf(event, webhook, delivered());
      const lease = opened.lease(neighbour.id);
      const { records } = await account.commit({ records: [{ ...record, lease }] });
      assert.deepEqual(records, ['not_owner']);
      assert.equal((await account.delivery(event, webhook)).status, 'pending');
    });

    if (!opened.oneOwner) return;

    it('are all this process’s, and acquiring again is a change of owner', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      const record = account.recordOf(event, webhook, delivered());
      const leases = await opened.store.claimShards(EVERY_SHARD);
      const shards = leases.map(({ shard }) => shard).toSorted((a, b) => a - b);
      assert.deepEqual(shards, [...Array(SHARD_COUNT).keys()]);
      assert.deepEqual((await account.commit({ records: [record] })).records, ['not_owner']);
      await opened.acquireShards();
      assert.equal(await account.record(event, webhook, delivered()), 'recorded');
    });
  });
}
