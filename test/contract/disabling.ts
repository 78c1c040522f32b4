import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MOVED_WAIT_MS } from '../../src/domain/retry.ts';
import { answered410, anEvent, delivered, endOf } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

export function disabling(opened: TestStore): void {
  describe('an attempt that disables its webhook', () => {
    it('cancels its delivery and stops the webhook, in one change of the account', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      const record = account.recordOf(event, webhook, answered410(1, 'It is gone.'));
      const { records, disabled } = await account.commit({ records: [record] });
      assert.deepEqual(records, ['recorded']);
      const [stopped, ...others] = disabled;
      assert.deepEqual(others, []);
      assert.ok(stopped && stopped.updatedAt >= webhook.updatedAt);
      assert.deepEqual(stopped, {
        ...webhook,
        status: 'disabled',
        disabledReason: 'It is gone.',
        version: webhook.version + 1,
        updatedAt: stopped.updatedAt,
      });
      const snapshot = await account.snapshot();
      assert.equal(snapshot.version, stopped.version);
      assert.deepEqual(snapshot.webhooks, [stopped], 'no deleted one: matching skips it');
      assert.deepEqual((await store.webhook(id, webhook.id))?.webhook, stopped);
      const { status, endedAt, attempts } = await account.delivery(event, webhook);
      assert.deepEqual([status, attempts], ['canceled', [record.attempt]]);
      assert.ok(endedAt !== null);
    });

    it('does not, where the webhook has another URL by now: its delivery is due soon', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      const moved = await store.updateWebhook(id, webhook.id, { url: 'https://example.com/new' });
      const record = account.recordOf(event, webhook, answered410());
      const { records, disabled } = await account.commit({ records: [record] });
      assert.deepEqual([records, disabled], [['postponed'], []]);
      assert.deepEqual((await store.webhook(id, webhook.id))?.webhook, moved);
      const { status, nextAttemptAt, attempts } = await account.delivery(event, webhook);
      assert.deepEqual([status, attempts], ['pending', [record.attempt]]);
      assert.equal(nextAttemptAt, endOf(record.attempt) + MOVED_WAIT_MS);
    });

    it('makes events of its batch stale that were matched before', async () => {
      const account = await TestAccount.create(opened);
      const other = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      const matched = await account.entry([webhook]);
      const elsewhere = await other.entry([]);
      const { accepts } = await account.commit({
        records: [account.recordOf(event, webhook, answered410())],
        accepts: [matched, elsewhere],
      });
      assert.deepEqual(accepts, [{ kind: 'stale' }, { kind: 'accepted' }]);
      assert.deepEqual(await account.events(), [event]);
      const again = await account.entry([]);
      assert.deepEqual((await account.commit({ accepts: [again] })).accepts, [
        { kind: 'accepted' },
      ]);
    });

    it('does so once, however many of its deliveries say it', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const events = [];
      for (let i = 0; i < 3; i += 1) events.push(await account.accept([webhook]));
      const before = await account.version();
      const [first, second, third] = events.map((event, i) =>
        account.recordOf(event, webhook, answered410(1, `Reason ${i}`)),
      );
      assert.ok(first && second && third);
      const { disabled } = await account.commit({ records: [first, second] });
      assert.deepEqual(
        disabled.map(({ disabledReason }) => disabledReason),
        ['Reason 0'],
      );
      const later = await account.commit({ records: [third] });
      assert.deepEqual([later.records, later.disabled], [['recorded'], []]);
      assert.equal(await account.version(), before + 1);
      const shown = await account.store.webhook(account.id, webhook.id);
      assert.deepEqual(shown?.webhook, disabled[0]);
      assert.equal((await account.deliveries({ status: 'canceled' })).length, 3);
    });

    it('disables each of several webhooks, each at a version of its own', async () => {
      const account = await TestAccount.create(opened);
      const webhooks = [await account.webhook(), await account.webhook()];
      const event = await account.accept(webhooks);
      const before = await account.version();
      const records = webhooks.map((webhook) => account.recordOf(event, webhook, answered410()));
      const { disabled } = await account.commit({ records });
      assert.deepEqual(
        disabled.map(({ id, version }) => [id, version]),
        webhooks.map(({ id }, i) => [id, before + 1 + i]),
      );
      assert.equal(await account.version(), before + 2);
    });

    it('leaves a deleted webhook deleted', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      const deleted = await account.store.deleteWebhook(account.id, webhook.id);
      const record = account.recordOf(event, webhook, answered410());
      const { records, disabled } = await account.commit({ records: [record] });
      assert.deepEqual([records, disabled], [['recorded'], []]);
      const shown = await account.store.webhook(account.id, webhook.id);
      assert.deepEqual(shown?.webhook, deleted);
      assert.equal(await account.version(), deleted?.version);
    });

    it('does nothing where it is not recorded', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const ended = await account.accept([webhook]);
      await account.record(ended, webhook, delivered());
      const pending = await account.accept([webhook]);
      const before = await account.snapshot();
      const record = account.recordOf(pending, webhook, answered410());
      const lease = { ...record.lease, epoch: record.lease.epoch - 1 };
      const { records, disabled } = await account.commit({
        records: [
          { ...record, lease },
          account.recordOf(ended, webhook, answered410(2)),
          account.recordOf(anEvent(account.id), webhook, answered410()),
        ],
      });
      assert.deepEqual([records, disabled], [['not_owner', 'gone', 'gone'], []]);
      assert.deepEqual(await account.snapshot(), before);
    });
  });
}
