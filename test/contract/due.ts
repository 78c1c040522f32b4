import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acceptedAt } from '../../src/domain/ids.ts';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import { SHARD_COUNT, shardOf } from '../../src/domain/shard.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import type { DispatchStore } from '../../src/store/store.ts';
import { answered410, delivered, retryAt, deliveryOf } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const T = 1_900_000_000_000;
const NOTHING = { deliveries: [], nextDueAt: null };
type PendingWebhooks = Awaited<ReturnType<DispatchStore['pendingWebhooks']>>;

const EVERY_SHARD = [...Array(SHARD_COUNT).keys()];

/** A delivery for each time given, due then; in order of acceptance. */
async function dueAt(
  account: TestAccount,
  webhook: Webhook,
  times: readonly number[],
): Promise<AcceptedEvent[]> {
  const events: AcceptedEvent[] = [];
  for (const time of times) {
    const event = await account.accept([webhook]);
    await account.record(event, webhook, retryAt(time));
    events.push(event);
  }
  return events;
}

function byWebhook(a: { webhookId: number }, b: { webhookId: number }): number {
  return a.webhookId - b.webhookId;
}

export function due(opened: TestStore): void {
  describe('what is due', () => {
    it('is all that sending needs', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const event = await account.accept([webhook], { type: 'SENT', body: '{"é":"🎺"}' });
      const [delivery, ...others] = (await account.store.due(webhook.id, T, 10)).deliveries;
      assert.deepEqual(others, []);
      assert.deepEqual(delivery, {
        ...deliveryOf(event, webhook),
        attemptCount: 0,
        nextAttemptAt: acceptedAt(event.id),
        eventType: 'SENT',
        body: '{"é":"🎺"}',
      });
    });

    it('comes in order of due time, then of acceptance, and what is not due yet does not', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const events = await dueAt(account, webhook, [T + 3, T + 1, T + 2, T + 1, T + 9, T]);
      const order = [5, 1, 3, 2, 0, 4].map((i) => events[i]?.id);
      for (const [now, count, nextDueAt] of [
        [T - 1, 0, T],
        [T, 1, T + 1],
        [T + 1, 3, T + 2],
        [T + 3, 5, T + 9],
        [T + 8, 5, T + 9],
        [T + 9, 6, null],
      ] as const) {
        const page = await account.store.due(webhook.id, now, 10);
        assert.deepEqual(
          page.deliveries.map(({ eventId }) => eventId),
          order.slice(0, count),
          `at T + ${now - T}`,
        );
        assert.equal(page.nextDueAt, nextDueAt);
      }
    });

    it('comes up to a limit, with the time at which the rest is due', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const events = await dueAt(account, webhook, [T, T + 1, T + 2, T + 7]);
      for (const [limit, nextDueAt] of [
        [1, T + 1],
        [2, T + 2],
        [3, T + 7],
        [4, T + 7],
      ] as const) {
        const page = await account.store.due(webhook.id, T + 5, limit);
        assert.deepEqual(
          page.deliveries.map(({ eventId }) => eventId),
          events.slice(0, Math.min(limit, 3)).map(({ id }) => id),
        );
        assert.equal(page.nextDueAt, nextDueAt);
      }
    });

    it('can be worked off page by page, also where bodies are as large as they may be', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const version = await account.version();
      const accepts = Array.from({ length: 24 }, (_, i) =>
        account.entryAt(version, [webhook], { body: `${i}`.padEnd(256 * 1024) }),
      );
      await account.commit({ accepts });
      const sent: string[] = [];
      for (let pages = 1; sent.length < accepts.length; pages += 1) {
        assert.ok(pages <= accepts.length, 'a page brings at least one');
        const page = await account.store.due(webhook.id, T, 20);
        const left = accepts.length - sent.length - page.deliveries.length;
        assert.equal(page.nextDueAt !== null, left > 0);
        sent.push(...page.deliveries.map(({ body }) => body));
        const records = page.deliveries.map((delivery) => ({
          ...delivery,
          lease: opened.lease(webhook.id),
          ...delivered(),
        }));
        await account.commit({ records });
      }
      assert.ok(sent.every((body, i) => body === accepts[i]?.event.body));
      assert.deepEqual(await account.store.due(webhook.id, T, 20), NOTHING);
    });

    it('is nothing of a webhook that is stopped, is another, or is none', async () => {
      const account = await TestAccount.create(opened);
      const webhooks = [await account.webhook(), await account.webhook(), await account.webhook()];
      const [deleted, disabled, other] = webhooks;
      assert.ok(deleted && disabled && other);
      await account.accept([deleted, disabled]);
      for (const webhook of [deleted, disabled]) await dueAt(account, webhook, [T + 5]);
      await account.record(await account.accept([disabled]), disabled, answered410());
      await account.store.deleteWebhook(account.id, deleted.id);
      for (const id of [...webhooks.map((webhook) => webhook.id), other.id + 1_000_000]) {
        assert.deepEqual(await account.store.due(id, T, 10), NOTHING);
      }
      const pending = await account.store.pendingWebhooks(EVERY_SHARD);
      const ours = pending.filter(({ accountId }) => accountId === account.id);
      assert.deepEqual(ours, []);
    });
  });

  describe('webhooks with pending deliveries', () => {
    it('are told by shard, with the time at which the earliest is due', async () => {
      const accounts = [await TestAccount.create(opened), await TestAccount.create(opened)];
      const wanted: PendingWebhooks[number][] = [];
      for (const account of accounts) {
        for (let i = 0; i <= SHARD_COUNT; i += 1) await account.webhook();
        const { webhooks } = await account.snapshot();
        // The last of them in the shard of the first.
        const [early, late, ended] = [webhooks[0], webhooks[SHARD_COUNT], webhooks[1]];
        assert.ok(early && late && ended);
        await dueAt(account, early, [T + 5, T + 2, T + 8]);
        await dueAt(account, late, [T + 7]);
        await account.record(await account.accept([ended]), ended, delivered());
        for (const [{ id }, nextAttemptAt] of [
          [early, T + 2],
          [late, T + 7],
        ] as const) {
          wanted.push({ accountId: account.id, webhookId: id, nextAttemptAt });
        }
      }
      const told = async (shards: readonly number[]): Promise<PendingWebhooks> =>
        (await opened.store.pendingWebhooks(shards))
          .filter(({ accountId }) => accounts.some(({ id }) => id === accountId))
          .toSorted(byWebhook);
      assert.deepEqual(await told(EVERY_SHARD), wanted.toSorted(byWebhook));
      for (const shard of EVERY_SHARD) {
        const here = wanted.filter(({ webhookId }) => shardOf(webhookId) === shard);
        assert.deepEqual(await told([shard]), here.toSorted(byWebhook));
      }
      assert.deepEqual(await opened.store.pendingWebhooks([]), []);
    });
  });
}
