import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import { orderingKey } from '../../src/domain/event.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import type { DuePage } from '../../src/store/store.ts';
import { anEvent, delivered, givenUp, newEventId, retryAt, deliveryOf } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const NOBODY = { exceptKeys: [], after: null };
const NOW = Date.now() + 60_000;
const LATER = NOW + 1_000;

const ids = ({ deliveries }: DuePage): string[] => deliveries.map(({ eventId }) => eventId);
const keys = ({ deliveries }: DuePage): unknown[] =>
  deliveries.map((delivery) => delivery.orderingKey);

interface Scene {
  readonly account: TestAccount;
  readonly webhook: Webhook;
  readonly accept: (leadEmail: string | null) => Promise<AcceptedEvent>;
}

async function scene(opened: TestStore): Promise<Scene> {
  const account = await TestAccount.create(opened);
  const webhook = await account.webhook({ ordering: 'lead' });
  return { account, webhook, accept: (leadEmail) => account.accept([webhook], { leadEmail }) };
}

export function ordering(opened: TestStore): void {
  describe('a webhook that takes each lead’s events one after another', () => {
    it('has the first one of each lead due, and the next when that has ended', async () => {
      const { account, webhook, accept } = await scene(opened);
      const { store } = account;
      const first = await accept('A@x');
      const other = await accept('b@x');
      const second = await accept('a@X');
      const third = await accept('a@x');
      const page = await store.dueInOrder(webhook.id, NOW, 10, NOBODY);
      assert.deepEqual(ids(page), [first.id, other.id]);
      assert.deepEqual(keys(page), ['a@x', 'b@x']);
      assert.deepEqual(page.deliveries[0], {
        ...deliveryOf(first, webhook),
        attemptCount: 0,
        nextAttemptAt: page.deliveries[0]?.nextAttemptAt,
        eventType: first.type,
        body: first.body,
        orderingKey: 'a@x',
      });
      await account.record(first, webhook, delivered());
      assert.deepEqual(ids(await store.dueInOrder(webhook.id, NOW, 10, NOBODY)), [
        second.id,
        other.id,
      ]);
      await account.record(second, webhook, givenUp());
      assert.deepEqual(ids(await store.dueInOrder(webhook.id, NOW, 10, NOBODY)), [
        third.id,
        other.id,
      ]);
    });

    it('has nothing more of a lead whose first one waits for its next attempt', async () => {
      const { account, webhook, accept } = await scene(opened);
      const { store } = account;
      const first = await accept('a@x');
      await accept('a@x');
      const other = await accept('b@x');
      await account.record(first, webhook, retryAt(LATER));
      const page = await store.dueInOrder(webhook.id, NOW, 10, NOBODY);
      assert.deepEqual([ids(page), page.nextDueAt], [[other.id], LATER]);
      const later = await store.dueInOrder(webhook.id, LATER, 10, NOBODY);
      assert.deepEqual([ids(later), later.nextDueAt], [[first.id, other.id], null]);
      assert.deepEqual(
        later.deliveries.map(({ attemptCount }) => attemptCount),
        [1, 0],
      );
    });

    it('leaves out the leads that are in hand', async () => {
      const { account, webhook, accept } = await scene(opened);
      await accept('a@x');
      const other = await accept('b@x');
      await accept('a@x');
      const except = { exceptKeys: ['a@x', 'c@x'], after: null };
      const page = await account.store.dueInOrder(webhook.id, NOW, 10, except);
      assert.deepEqual([ids(page), page.nextDueAt], [[other.id], null]);
    });

    it('lets its leads take turns, page after page', async () => {
      const { account, webhook, accept } = await scene(opened);
      const { store } = account;
      // In the order of their bytes in UTF-8; UTF-16 has the last two the other way round.
      const leads = ['a', 'b', 'ä', '\uffee', '🎺'];
      for (const lead of leads.toReversed()) for (let i = 0; i < 2; i += 1) await accept(lead);
      const seen: unknown[] = [];
      let after: string | null = null;
      for (let i = 0; i < 5; i += 1) {
        const page: DuePage = await store.dueInOrder(webhook.id, NOW, 2, { exceptKeys: [], after });
        assert.equal(page.nextDueAt, NOW, 'there is more that is due already');
        seen.push(...keys(page));
        after = page.deliveries.at(-1)?.orderingKey ?? null;
      }
      assert.deepEqual(seen, [...leads, ...leads]);
      const all = await store.dueInOrder(webhook.id, NOW, 10, { exceptKeys: [], after: 'b' });
      assert.deepEqual(keys(all), ['ä', '\uffee', '🎺', 'a', 'b'], 'round, and each once');
      const beyond = await store.dueInOrder(webhook.id, NOW, 10, { exceptKeys: [], after: 'aa' });
      assert.deepEqual(keys(beyond), ['b', 'ä', '\uffee', '🎺', 'a']);
    });

    it('lets events that are about no lead wait for nobody', async () => {
      const { account, webhook, accept } = await scene(opened);
      const events = [await accept(null), await accept(null), await accept('a@x')];
      const page = await account.store.dueInOrder(webhook.id, NOW, 10, NOBODY);
      assert.deepEqual(new Set(ids(page)), new Set(events.map(({ id }) => id)));
      assert.deepEqual(new Set(keys(page)), new Set(events.map(orderingKey)));
    });

    it('has also what was accepted before it was set so', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook();
      const before = [await account.accept([webhook]), await account.accept([webhook])];
      const set = await store.updateWebhook(id, webhook.id, { ordering: 'lead' });
      assert.ok(set);
      const after = [await account.accept([set]), await account.accept([set])];
      const page = await store.dueInOrder(webhook.id, NOW, 10, NOBODY);
      assert.deepEqual(
        ids(page),
        [...before, after[0]].map((event) => event?.id),
      );
      const [one] = page.deliveries;
      const except = { exceptKeys: [one?.orderingKey ?? ''], after: null };
      const rest = await store.dueInOrder(webhook.id, NOW, 10, except);
      assert.deepEqual(ids(rest), ids(page).slice(1));
      assert.deepEqual(
        ids(await store.dueInOrder(webhook.id, NOW, 1, NOBODY)),
        ids(page).slice(0, 1),
      );
      const all = await store.due(webhook.id, NOW, 10);
      assert.equal(all.deliveries.length, 4, 'and without ordering all of them are due');
    });

    it('keeps the order of acceptance within one call and one commit', async () => {
      const { account, webhook } = await scene(opened);
      const version = await account.version();
      const entries = Array.from({ length: 20 }, (_, i) =>
        account.entryAt(version, [webhook], { leadEmail: `${i % 2}@x` }),
      );
      await account.commit({ accepts: entries });
      for (let i = 0; i < 20; i += 2) {
        const page = await account.store.dueInOrder(webhook.id, NOW, 10, NOBODY);
        assert.deepEqual(ids(page), [entries[i]?.event.id, entries[i + 1]?.event.id]);
        for (const entry of entries.slice(i, i + 2)) {
          await account.record(entry.event, webhook, delivered());
        }
      }
    });

    it('is read only while it is active', async () => {
      const { account, webhook, accept } = await scene(opened);
      await accept('a@x');
      const { store, id } = account;
      await store.moveWebhook(id, webhook.id, 'pause');
      const none = { deliveries: [], nextDueAt: null };
      assert.deepEqual(await store.dueInOrder(webhook.id, NOW, 10, NOBODY), none);
    });
  });

  if (!opened.idsAreInOrder) {
    it('goes by the order of acceptance, not by the clocks of the nodes that accepted', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook({ ordering: 'lead' });
      const early = newEventId();
      const first = await account.accept([webhook]);
      const entry = await account.entry([webhook]);
      const second = { ...entry, event: anEvent(account.id, { id: early }) };
      await account.commit({ accepts: [second] });
      const page = await account.store.dueInOrder(webhook.id, NOW, 10, NOBODY);
      assert.deepEqual(ids(page), [first.id]);
    });
  }
}
