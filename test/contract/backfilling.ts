import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { countRedo } from '../../src/catalog/count-redo.ts';
import { explain } from '../../src/domain/explain.ts';
import { mismatch } from '../../src/domain/match.ts';
import { CAMPAIGN_LEVEL, CLIENT_LEVEL } from '../../src/domain/webhook.ts';
import { answered410, delivered } from './examples.ts';
import { explained } from './explained.ts';
import {
  aBackfill,
  accepted,
  asked,
  due,
  ended,
  idsOf,
  pendingIds,
  state,
  stepped,
} from './redo-scene.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

export function backfilling(opened: TestStore): void {
  describe('a backfill', () => {
    it('makes deliveries for what was accepted before the webhook was made', async () => {
      const account = await TestAccount.create(opened);
      const events = await accepted(account, [], 3);
      const webhook = await account.webhook();
      const matched = await accepted(account, [webhook], 1);
      const redo = await asked(account, aBackfill(webhook));
      assert.equal(redo.count, 3);
      const { status, done } = await stepped(account, redo);
      assert.deepEqual([status, done], ['done', 3]);
      assert.deepEqual(await pendingIds(account, webhook), idsOf([...events, ...matched]));
      const [first] = events;
      assert.ok(first);
      const made = await account.delivery(first, webhook);
      const { webhookVersion, attemptCount, attempts, nextAttemptAt } = made;
      assert.deepEqual([webhookVersion, attemptCount, attempts], [webhook.version, 0, []]);
      assert.ok(nextAttemptAt !== null && Math.abs(nextAttemptAt - Date.now()) < 60_000);
      const page = (await due(account, webhook)).deliveries;
      assert.ok(page.every(({ scheduleBase }) => scheduleBase === undefined));
      assert.equal((await asked(account, aBackfill(webhook))).count, 0, 'and once only');
    });

    it('leaves what has a delivery alone, pending or ended', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const [event] = await ended(account, webhook, 1, delivered());
      await accepted(account, [webhook], 1);
      assert.ok(event);
      const before = await account.delivery(event, webhook);
      const redo = await stepped(account, await asked(account, aBackfill(webhook)));
      assert.deepEqual([redo.count, redo.done], [0, 0]);
      assert.deepEqual(await account.delivery(event, webhook), before);
    });

    it('tells a webhook of another, and never of itself', async () => {
      const account = await TestAccount.create(opened);
      const eventTypeMap = { WEBHOOK_FAILING: true };
      const webhook = await account.webhook({ eventTypeMap });
      const watcher = await account.webhook({ eventTypeMap });
      const body = JSON.stringify({ event_type: 'WEBHOOK_FAILING', webhook_id: webhook.id });
      const event = await account.accept([], { type: 'WEBHOOK_FAILING', body });
      const redo = await stepped(account, await asked(account, aBackfill(webhook)));
      assert.deepEqual([redo.count, redo.done], [0, 0]);
      await stepped(account, await asked(account, aBackfill(watcher)));
      assert.deepEqual(await pendingIds(account, watcher), [event.id]);
    });

    it('goes by scope, type and category as the webhook is when it is asked for', async () => {
      const account = await TestAccount.create(opened);
      const { store } = account;
      const made = {
        sent: await account.accept([], { type: 'SENT', campaignId: 1, clientId: 5, categoryId: 2 }),
        replied: await account.accept([], { campaignId: 1, clientId: 6, categoryId: 2 }),
        other: await account.accept([], { campaignId: 2, clientId: 5, categoryId: 1 }),
        none: await account.accept([], { campaignId: 2, clientId: null, categoryId: null }),
      };
      for (const [scope, wanted] of [
        [{}, ['sent', 'replied', 'other', 'none']],
        [{ association: CAMPAIGN_LEVEL, targetId: 1 }, ['sent', 'replied']],
        [{ association: CLIENT_LEVEL, targetId: 5 }, ['sent', 'other']],
        [{ eventTypeMap: { SENT: true } }, ['sent']],
        [{ categoryIdMap: { 2: true } }, ['sent', 'replied']],
      ] as const) {
        const webhook = await account.webhook(scope);
        const redo = await asked(account, aBackfill(webhook));
        // It goes by what it was: a change meanwhile has no part in it.
        await store.updateWebhook(account.id, webhook.id, { eventTypeMap: { CLICKED: true } });
        await stepped(account, redo);
        const ids = wanted.map((name) => made[name].id);
        assert.deepEqual(await pendingIds(account, webhook), ids, JSON.stringify(scope));
        const [first] = wanted;
        const delivery = await account.delivery(made[first], webhook);
        assert.equal(delivery.webhookVersion, webhook.version);
      }
    });

    it('brings what was missed while the webhook was disabled, or filtered otherwise', async () => {
      const account = await TestAccount.create(opened);
      const { store } = account;
      const webhook = await account.webhook();
      await account.record(await account.accept([webhook]), webhook, answered410());
      const disabled = await accepted(account, [], 2);
      await store.moveWebhook(account.id, webhook.id, 'resume');
      await store.updateWebhook(account.id, webhook.id, { eventTypeMap: { SENT: true } });
      const filtered = await accepted(account, [], 1);
      const changed = await store.updateWebhook(account.id, webhook.id, { eventTypeMap: null });
      assert.ok(changed);
      const done = await stepped(account, await asked(account, aBackfill(changed)));
      assert.deepEqual([done.count, done.done], [3, 3]);
      assert.deepEqual(await pendingIds(account, webhook), idsOf([...disabled, ...filtered]));
    });

    it('is not about what is accepted after it, whatever the webhook is then', async () => {
      const account = await TestAccount.create(opened);
      const early = await accepted(account, [], 1);
      const webhook = await account.webhook();
      const redo = await asked(account, aBackfill(webhook));
      const eventTypeMap = { SENT: true };
      await account.store.updateWebhook(account.id, webhook.id, { eventTypeMap });
      await accepted(account, [], 1);
      await stepped(account, redo);
      assert.deepEqual(await pendingIds(account, webhook), idsOf(early));
    });

    it('leaves true what explaining says of the event', async () => {
      const account = await TestAccount.create(opened);
      const [event] = await accepted(account, [], 1);
      const webhook = await account.webhook();
      assert.ok(event);
      const before = await explained(account, event);
      assert.deepEqual(before, [{ id: webhook.id, why: 'created_later', hasDelivery: false }]);
      await stepped(account, await asked(account, aBackfill(webhook)));
      const after = await explained(account, event);
      assert.deepEqual(after, [{ id: webhook.id, why: 'created_later', hasDelivery: true }]);
    });

    it('goes in steps, over events that do not fit too', async () => {
      const account = await TestAccount.create(opened);
      const events = await accepted(account, [], 30);
      await account.accept([], { type: 'SENT' });
      const webhook = await account.webhook({ concurrency: 1, eventTypeMap: { REPLIED: true } });
      const redo = await asked(account, aBackfill(webhook));
      const set = { ...aBackfill(webhook), id: null };
      assert.deepEqual([redo.count, await countRedo(account.store, set)], [30, 30]);
      const made: string[] = [];
      await stepped(account, redo, async ({ putBack }) => {
        assert.ok(putBack <= 2);
        for (const { eventId } of (await due(account, webhook)).deliveries) {
          made.push(eventId);
          const event = events.find(({ id }) => id === eventId);
          assert.ok(event);
          await account.record(event, webhook, delivered());
        }
      });
      for (const { eventId } of (await due(account, webhook)).deliveries) made.push(eventId);
      assert.deepEqual(made, idsOf(events));
      assert.equal((await state(account, redo)).done, 30);
    });

    it('comes past more events that do not fit than one step looks at', async () => {
      const account = await TestAccount.create(opened);
      const version = await account.version();
      const type = 'SENT';
      const accepts = Array.from({ length: 2_100 }, () => account.entryAt(version, [], { type }));
      await account.commit({ accepts });
      const event = await account.accept([]);
      const webhook = await account.webhook({ eventTypeMap: { REPLIED: true } });
      const redo = await asked(account, aBackfill(webhook));
      assert.equal(redo.count, 1);
      for (let step = 0; step < 2; step += 1) {
        assert.deepEqual(await account.store.stepRedo(redo), { putBack: 0, ended: false });
      }
      assert.deepEqual(await account.store.stepRedo(redo), { putBack: 1, ended: true });
      assert.deepEqual(await pendingIds(account, webhook), [event.id]);
    });

    it('takes the order of leads where its webhook has one', async () => {
      const account = await TestAccount.create(opened);
      const event = await account.accept([], { leadEmail: 'Some@Lead' });
      const webhook = await account.webhook({ ordering: 'lead' });
      await stepped(account, await asked(account, aBackfill(webhook)));
      const options = { exceptKeys: [], after: null };
      const page = await account.store.dueInOrder(webhook.id, Date.now() + 1_000, 10, options);
      assert.deepEqual(
        page.deliveries.map(({ eventId, orderingKey }) => [eventId, orderingKey]),
        [[event.id, 'some@lead']],
      );
    });

    it('never makes one where the rule of matching says no, for any webhook and any events', async () => {
      const types = ['SENT', 'REPLIED', 'OPENED'] as const;
      const some = fc.option(fc.integer({ min: 1, max: 3 }), { nil: null });
      const anyEvent = fc.record({
        type: fc.constantFrom(...types),
        campaignId: fc.integer({ min: 1, max: 3 }),
        clientId: some,
        categoryId: some,
      });
      const maps = fc.option(
        fc.dictionary(fc.constantFrom(...types), fc.boolean(), { minKeys: 1 }),
        { nil: null },
      );
      const categories = fc.option(fc.dictionary(fc.constantFrom('1', '2', '3'), fc.boolean()), {
        nil: null,
      });
      const anyWebhook = fc.record({
        scope: fc.constantFrom(
          {},
          { association: CLIENT_LEVEL, targetId: 1 } as const,
          { association: CAMPAIGN_LEVEL, targetId: 1 } as const,
        ),
        eventTypeMap: maps,
        categoryIdMap: categories,
      });
      const rule = fc.asyncProperty(
        fc.array(anyEvent, { minLength: 1, maxLength: 8 }),
        anyWebhook,
        async (given, { scope, ...filters }) => {
          const account = await TestAccount.create(opened);
          const events = [];
          for (const event of given) events.push(await account.accept([], event));
          const webhook = await account.webhook({ ...scope, ...filters });
          await stepped(account, await asked(account, aBackfill(webhook)));
          const fitting = events.filter((event) => mismatch(event, webhook) === null);
          assert.deepEqual(await pendingIds(account, webhook), idsOf(fitting));
          for (const event of fitting) assert.equal(explain(event, webhook).reason, null);
        },
      );
      await fc.assert(rule, { numRuns: 25 });
    });
  });
}
