import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { answered410, delivered, retryAt } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const LATER = 1_900_000_000_000;

async function statuses(account: TestAccount, webhook: Webhook): Promise<Record<string, number>> {
  const count: Record<string, number> = {};
  for (const { status } of await account.deliveries({ webhookId: webhook.id })) {
    count[status] = (count[status] ?? 0) + 1;
  }
  return count;
}

async function acceptSome(
  account: TestAccount,
  webhooks: readonly Webhook[],
): Promise<readonly AcceptedEvent[]> {
  const events: AcceptedEvent[] = [];
  for (let i = 0; i < 5; i += 1) events.push(await account.accept(webhooks));
  return events;
}

export function canceling(opened: TestStore): void {
  describe('canceling what is pending', () => {
    const stops: [string, (account: TestAccount, webhook: Webhook) => Promise<unknown>][] = [
      ['deleted', (account, { id }) => account.store.deleteWebhook(account.id, id)],
      [
        'disabled',
        async (account, webhook) =>
          account.record(await account.accept([webhook]), webhook, answered410()),
      ],
    ];
    for (const [what, stop] of stops) {
      it(`goes in steps, for a ${what} webhook, until nothing is left`, async () => {
        const account = await TestAccount.create(opened);
        const [stopped, other] = [await account.webhook(), await account.webhook()];
        await acceptSome(account, [stopped, other]);
        await stop(account, stopped);
        const before = (await statuses(account, stopped))['canceled'] ?? 0;
        for (const [canceled, left] of [
          [2, 3],
          [2, 1],
          [1, 0],
          [0, 0],
        ] as const) {
          const uncanceled = canceled + left > 0;
          const waiting = await account.store.webhooksToCancel();
          assert.equal(waiting.includes(stopped.id), uncanceled);
          assert.equal(await account.store.cancelPending(stopped.id, 2), canceled);
          const now = await statuses(account, stopped);
          assert.deepEqual([now['pending'] ?? 0, now['canceled']], [left, before + 5 - left]);
        }
        assert.deepEqual(await statuses(account, other), { pending: 5 });
      });
    }

    it('shows a canceled delivery as ended', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      await account.record(event, webhook, retryAt(LATER));
      const before = await account.delivery(event, webhook);
      await account.store.deleteWebhook(account.id, webhook.id);
      await account.store.cancelPending(webhook.id, 1);
      const { endedAt, ...after } = await account.delivery(event, webhook);
      assert.ok(endedAt !== null && endedAt >= before.createdAt);
      assert.deepEqual(
        { ...after, endedAt: null },
        { ...before, status: 'canceled', nextAttemptAt: null },
      );
    });

    it('leaves an active webhook’s deliveries alone', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      await acceptSome(account, [webhook]);
      assert.equal(await account.store.cancelPending(webhook.id, 10), 0);
      assert.deepEqual(await statuses(account, webhook), { pending: 5 });
      assert.ok(!(await account.store.webhooksToCancel()).includes(webhook.id));
    });

    it('has nothing to do for a stopped webhook without pending deliveries', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      await account.record(await account.accept([webhook]), webhook, delivered());
      await account.store.deleteWebhook(account.id, webhook.id);
      assert.ok(!(await account.store.webhooksToCancel()).includes(webhook.id));
      assert.equal(await account.store.cancelPending(webhook.id, 10), 0);
      assert.deepEqual(await statuses(account, webhook), { succeeded: 1 });
    });

    it('is not needed for a deleted webhook to be sent nothing more', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      await account.store.deleteWebhook(account.id, webhook.id);
      // An attempt that was in flight is recorded, and does not bring the delivery back.
      assert.equal(await account.record(event, webhook, retryAt(LATER)), 'recorded');
      const due = await account.store.due(webhook.id, LATER, 10);
      assert.deepEqual(due, { deliveries: [], nextDueAt: null });
      assert.equal(await account.store.cancelPending(webhook.id, 10), 1);
      assert.equal((await account.delivery(event, webhook)).attempts.length, 1);
    });

    it('stands when an attempt that was in flight is recorded after it', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const events = await acceptSome(account, [webhook]);
      await account.store.deleteWebhook(account.id, webhook.id);
      await account.store.cancelPending(webhook.id, 10);
      for (const [i, ending] of [delivered(), retryAt(LATER), answered410()].entries()) {
        const event = events[i];
        assert.ok(event);
        const before = await account.delivery(event, webhook);
        assert.equal(await account.record(event, webhook, ending), 'recorded');
        const recorded = { ...before, attemptCount: 1, attempts: [ending.attempt] };
        assert.deepEqual(await account.delivery(event, webhook), recorded);
        assert.equal(await account.record(event, webhook, ending), 'gone', 'once only');
        assert.deepEqual(await account.delivery(event, webhook), recorded);
      }
      assert.deepEqual(await statuses(account, webhook), { canceled: 5 });
    });
  });
}
