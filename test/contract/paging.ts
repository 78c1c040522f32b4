import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import {
  InvalidCursor,
  type DeliverySummary,
  type Page,
  type PageRequest,
} from '../../src/store/store.ts';
import { delivered, givenUp } from './examples.ts';
import { everyPage } from './pages.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

type List = (page: PageRequest) => Promise<Page<unknown>>;

/** Fourteen events on their way to two webhooks each: a multiple of a page of seven. */
async function fourteen(
  account: TestAccount,
): Promise<{ webhooks: Webhook[]; events: AcceptedEvent[] }> {
  const webhooks = [await account.webhook(), await account.webhook()];
  const version = await account.version();
  const accepts = Array.from({ length: 14 }, () => account.entryAt(version, webhooks));
  await account.commit({ accepts });
  return { webhooks, events: accepts.map(({ event }) => event) };
}

function listsOf(
  account: TestAccount,
): Record<'events' | 'deliveries' | 'webhooks' | 'webhooksThen', List> {
  const { id } = account;
  return {
    webhooksThen: (page) => webhooksThen(account, page),
    events: (page) => account.store.events(id, {}, page),
    deliveries: (page) => account.store.deliveries(id, {}, page),
    webhooks: (page) => account.store.webhooks(id, {}, page),
  };
}

/** As the newest event explains them. */
async function webhooksThen(account: TestAccount, page: PageRequest): Promise<Page<unknown>> {
  const { items } = await account.store.events(account.id, {}, { limit: 1, cursor: null });
  const found = items[0] && (await account.store.webhooksThen(account.id, items[0].id, page));
  return found?.webhooks ?? { items: [], nextCursor: null };
}

export function paging(opened: TestStore): void {
  describe('a list', () => {
    it('is complete and without duplicates, whatever the size of its pages', async () => {
      const account = await TestAccount.create(opened);
      await fourteen(account);
      for (let i = 0; i < 12; i += 1) await account.webhook();
      const lengths = { events: 14, deliveries: 28, webhooks: 14, webhooksThen: 14 };
      for (const [name, list] of Object.entries(listsOf(account))) {
        const whole = await list({ limit: 100, cursor: null });
        assert.equal(whole.nextCursor, null);
        assert.equal(whole.items.length, lengths[name as keyof typeof lengths]);
        for (const limit of [1, 7, 13, 14, 28]) {
          assert.deepEqual(await everyPage(list, limit), whole.items, `${name} by ${limit}`);
        }
      }
    });

    it('is one empty page where there is nothing', async () => {
      const account = await TestAccount.create(opened);
      for (const list of Object.values(listsOf(account))) {
        assert.deepEqual(await list({ limit: 7, cursor: null }), { items: [], nextCursor: null });
      }
    });

    it('pages by its filter', async () => {
      const account = await TestAccount.create(opened);
      const { webhooks, events } = await fourteen(account);
      const odd = events.filter((_, i) => i % 2 === 1);
      const [webhook] = webhooks;
      assert.ok(webhook);
      const records = odd.map((event) => account.recordOf(event, webhook, delivered()));
      await account.commit({ records });
      for (const limit of [1, 7]) {
        for (const filter of [
          { status: 'succeeded' },
          { status: 'succeeded', webhookId: webhook.id },
        ] as const) {
          const list = (page: PageRequest): Promise<Page<DeliverySummary>> =>
            account.store.deliveries(account.id, filter, page);
          const found = await everyPage(list, limit);
          assert.deepEqual(
            found.map(({ eventId }) => eventId),
            odd.map(({ id }) => id).toReversed(),
          );
        }
      }
    });

    it('does not shift while new things come in between its pages', async () => {
      const account = await TestAccount.create(opened);
      const { webhooks } = await fourteen(account);
      for (const limit of [1, 7]) {
        for (const [name, list] of Object.entries(listsOf(account))) {
          const items = await everyPage(list);
          const found = await everyPage(list, limit, async () => {
            if (name.startsWith('webhooks')) await account.webhook();
            else await account.accept(webhooks);
          });
          assert.deepEqual(found, items, `${name} by ${limit}`);
        }
      }
    });

    it('shows each delivery once, though they end between its pages', async () => {
      const account = await TestAccount.create(opened);
      const { webhooks, events } = await fourteen(account);
      const [first, second] = webhooks;
      assert.ok(first && second);
      const before = await account.deliveries();
      for (const limit of [1, 7]) {
        for (const filter of [{}, { webhookId: second.id }]) {
          const list = (page: PageRequest): Promise<Page<DeliverySummary>> =>
            account.store.deliveries(account.id, filter, page);
          const found = await everyPage(list, limit, async (pages) => {
            const event = events[(pages * 5) % events.length];
            const ending = pages % 2 === 0 ? delivered() : givenUp();
            if (event) await account.record(event, pages % 3 === 0 ? first : second, ending);
          });
          const keys = found.map(({ eventId, webhookId }) => `${eventId} ${webhookId}`);
          const wanted = before
            .filter(({ webhookId }) => webhookId === (filter.webhookId ?? webhookId))
            .map(({ eventId, webhookId }) => `${eventId} ${webhookId}`);
          assert.deepEqual(keys, wanted);
        }
      }
    });
  });

  describe('a look', () => {
    it('sees one state, whatever is recorded meanwhile', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const version = await account.version();
      const accepts = Array.from({ length: 80 }, () => account.entryAt(version, [webhook]));
      await account.commit({ accepts });
      const keys = accepts.map(({ event }) => ({ eventId: event.id, webhookId: webhook.id }));
      const recording = accepts.map(({ event }) => account.record(event, webhook, delivered()));
      const looks = keys.map(async (key) => {
        const page = { limit: 100, cursor: null };
        const { items } = await account.store.deliveries(account.id, {}, page);
        assert.deepEqual(
          items.map(({ eventId }) => eventId),
          keys.map(({ eventId }) => eventId).toReversed(),
        );
        const detail = await account.store.delivery(account.id, key);
        assert.ok(detail, 'a delivery is always to be found');
        assert.equal(detail.attempts.length, detail.attemptCount);
        assert.equal(detail.attemptCount, detail.status === 'succeeded' ? 1 : 0);
      });
      await Promise.all([...looks, ...recording]);
    });
  });

  describe('a cursor', () => {
    it('goes on to be good after a restart', async () => {
      const account = await TestAccount.create(opened);
      await fourteen(account);
      for (const list of Object.values(listsOf(account))) {
        const whole = await list({ limit: 100, cursor: null });
        const { nextCursor } = await list({ limit: 1, cursor: null });
        await opened.reopen();
        const rest = await list({ limit: 100, cursor: nextCursor });
        assert.deepEqual(rest.items, whole.items.slice(1));
      }
    });

    const foreign = ['', 'x', '0', '-1', 'null', '🎺', 'evt_', "' OR 1=1 --", 'A'.repeat(5_000)];

    it('that is none is refused', async () => {
      const account = await TestAccount.create(opened);
      await fourteen(account);
      for (const [name, list] of Object.entries(listsOf(account))) {
        for (const cursor of foreign) {
          await assert.rejects(list({ limit: 7, cursor }), InvalidCursor, `${name} ${cursor}`);
        }
      }
    });

    it('is refused where something was added to it', async () => {
      const account = await TestAccount.create(opened);
      await fourteen(account);
      for (const [name, list] of Object.entries(listsOf(account))) {
        const { nextCursor } = await list({ limit: 1, cursor: null });
        for (const cursor of [` ${nextCursor}`, `${nextCursor}!`, `${nextCursor}\n`]) {
          await assert.rejects(list({ limit: 7, cursor }), InvalidCursor, `${name} ${cursor}`);
        }
      }
    });

    it('of another list is refused', async () => {
      const account = await TestAccount.create(opened);
      await fourteen(account);
      const lists = Object.entries(listsOf(account));
      for (const [from, list] of lists) {
        const { nextCursor } = await list({ limit: 1, cursor: null });
        assert.ok(nextCursor);
        for (const [to, other] of lists) {
          if (from === to) continue;
          await assert.rejects(
            other({ limit: 7, cursor: nextCursor }),
            InvalidCursor,
            `a cursor of ${from} in ${to}`,
          );
        }
      }
    });
  });
}
