import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { acceptedAt, eventIdMaker } from '../../src/domain/ids.ts';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import type { AssociationType, Webhook } from '../../src/domain/webhook.ts';
import type { DeliveryFilter, EventFilter, WebhookFilter } from '../../src/store/store.ts';
import { answered410, delivered, givenUp, retryAt, type Ending } from './examples.ts';
import { everyPage } from './pages.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const T = Date.now() - 3_600_000;
const TIMES = [T, T + 1, T + 2];
const TYPES = ['SENT', 'REPLIED'] as const;
const LEADS = ['Jürgen@Example.com', 'JÜRGEN@example.COM', 'b@example.com', null];
const LATER = 1_900_000_000_000;
const ENDINGS: (Ending | null)[] = [delivered(), givenUp(), retryAt(LATER), null];

/** Every choice of some of a filter's fields, none and all of them among these. */
function subsets<Filter extends object>(filter: Filter): Partial<Filter>[] {
  const [first, ...rest] = Object.entries(filter);
  if (!first) return [{}];
  const without = subsets(Object.fromEntries(rest) as Filter);
  return without.flatMap((some) => [some, { ...some, [first[0]]: first[1] }]);
}

function within(time: number, { from = -Infinity, to = Infinity }: EventFilter): boolean {
  return time >= from && time < to;
}

function fits(event: AcceptedEvent, filter: EventFilter): boolean {
  const { type, campaignId, clientId, leadEmail } = filter;
  return (
    within(acceptedAt(event.id), filter) &&
    (type === undefined || event.type === type) &&
    (campaignId === undefined || event.campaignId === campaignId) &&
    (clientId === undefined || event.clientId === clientId) &&
    (leadEmail === undefined || event.leadEmail?.toLowerCase() === leadEmail.toLowerCase())
  );
}

/** 192 events: each combination of all that can be asked for, and a neighbour of it in each way. */
function allEvents(account: TestAccount): AcceptedEvent[] {
  const events: AcceptedEvent[] = [];
  for (const time of TIMES) {
    const newId = eventIdMaker(() => time);
    for (const type of TYPES)
      for (const campaignId of [1, 2])
        for (const clientId of [7, 8, 1, null])
          for (const leadEmail of LEADS) {
            const more = { id: newId(), type, campaignId, clientId, leadEmail };
            events.push(account.entryAt(0, [], more).event);
          }
  }
  return events;
}

export function looking(opened: TestStore): void {
  describe('looking', () => {
    let account: TestAccount;
    let events: readonly AcceptedEvent[];
    let webhooks: readonly Webhook[];

    before(async () => {
      account = await TestAccount.create(opened);
      webhooks = [await account.webhook(), await account.webhook(), await account.webhook()];
      const version = await account.version();
      events = allEvents(account);
      // Not in order of acceptance: many writers' commits are not either.
      const accepts = events
        .map((event, i) => account.entryAt(version, webhooks.slice(i % 3), event))
        .toSorted(
          (a, b) => Number(a.event.leadEmail !== null) - Number(b.event.leadEmail !== null),
        );
      await account.commit({ accepts });
    });

    it('finds events by every filter alone and by all of them together, newest first', async () => {
      const newest = events.toReversed();
      const all: Required<EventFilter> = {
        type: 'SENT',
        campaignId: 1,
        clientId: 7,
        leadEmail: 'jÜRGEN@eXample.com',
        from: T + 1,
        to: T + 2,
      };
      for (const filter of subsets(all)) {
        const wanted = newest.filter((event) => fits(event, filter));
        assert.ok(wanted.length > 0);
        assert.deepEqual(await account.events(filter), wanted, JSON.stringify(filter));
      }
    });

    it('takes times of acceptance from inclusive, to exclusive', async () => {
      const each = events.length / TIMES.length;
      const ranges: [EventFilter, number][] = [
        [{ from: T }, 3],
        [{ from: T + 1 }, 2],
        [{ from: T + 0.5 }, 2],
        [{ to: T + 2 }, 2],
        [{ to: T + 2.5 }, 3],
        [{ to: T }, 0],
        [{ from: T + 3 }, 0],
        [{ from: T + 1, to: T + 1 }, 0],
        [{ from: T + 2, to: T + 1 }, 0],
        [{ from: 0, to: 2 ** 53 - 1 }, 3],
        [{ from: -1, to: LATER }, 3],
      ];
      for (const [range, times] of ranges) {
        const found = await account.events(range);
        assert.equal(found.length, times * each, JSON.stringify(range));
        const deliveries = await account.deliveries({ ...range, webhookId: webhooks[2]?.id ?? 0 });
        assert.equal(deliveries.length, times * each, JSON.stringify(range));
      }
    });

    it('finds nothing where nothing fits', async () => {
      const none: EventFilter[] = [
        { type: 'CLICKED' },
        { campaignId: 7 },
        { clientId: 2 },
        { leadEmail: '%' },
        { leadEmail: 'jurgen@example.com' },
        { type: 'SENT', campaignId: 3 },
      ];
      for (const filter of none) assert.deepEqual(await account.events(filter), []);
      const eventId = eventIdMaker()();
      assert.equal(await account.store.event(account.id, eventId), undefined);
      assert.deepEqual(await account.deliveries({ eventId }), []);
      assert.deepEqual(await account.deliveries({ webhookId: 2 ** 40 }), []);
      assert.deepEqual(await account.deliveries({ status: 'canceled' }), []);
    });

    it('finds deliveries by every filter alone and by all of them together, newest first', async () => {
      const records = events.flatMap((event, i) =>
        webhooks.slice(i % 3).flatMap((webhook, j) => {
          const ending = ENDINGS[(i + 2 * j) % ENDINGS.length];
          return ending ? [account.recordOf(event, webhook, ending)] : [];
        }),
      );
      await account.commit({ records });
      const everything = await account.deliveries();
      const keys = events.flatMap(({ id }, i) => webhooks.slice(i % 3).map((w) => [id, w.id]));
      assert.deepEqual(
        everything.map(({ eventId, webhookId }) => [eventId, webhookId]),
        keys.toReversed(),
      );
      for (const status of ['pending', 'succeeded', 'exhausted'] as const) {
        const pivot = everything.find(
          (delivery) => delivery.status === status && acceptedAt(delivery.eventId) === T + 1,
        );
        assert.ok(pivot);
        const { eventId, webhookId } = pivot;
        const all = { eventId, webhookId, status, from: T + 1, to: T + 2 };
        for (const filter of subsets<Required<DeliveryFilter>>(all)) {
          const wanted = everything.filter(
            (delivery) =>
              within(acceptedAt(delivery.eventId), filter) &&
              delivery.eventId === (filter.eventId ?? delivery.eventId) &&
              delivery.webhookId === (filter.webhookId ?? delivery.webhookId) &&
              delivery.status === (filter.status ?? delivery.status),
          );
          assert.deepEqual(await account.deliveries(filter), wanted, JSON.stringify(filter));
        }
      }
    });

    it('finds webhooks by every filter, newest first, deleted ones only where asked', async () => {
      const owner = await TestAccount.create(opened);
      const { store, id } = owner;
      const made: Webhook[] = [];
      for (const status of ['active', 'disabled', 'deleted']) {
        for (const association of [1, 2, 3] as AssociationType[]) {
          for (const targetId of association === 1 ? [null] : [10, 20]) {
            const webhook = await owner.webhook({ association, targetId });
            if (status === 'deleted') await store.deleteWebhook(id, webhook.id);
            const event = status === 'disabled' ? await owner.accept([webhook]) : undefined;
            if (event) await owner.record(event, webhook, answered410());
            made.push((await store.webhook(id, webhook.id))?.webhook ?? webhook);
          }
        }
      }
      for (const status of ['active', 'disabled', 'deleted', 'paused'] as const) {
        const all: Required<WebhookFilter> = { association: 3, targetId: 20, status };
        for (const filter of subsets(all)) {
          const wanted = made.filter(
            (webhook) =>
              webhook.association === (filter.association ?? webhook.association) &&
              webhook.targetId === (filter.targetId ?? webhook.targetId) &&
              (filter.status ? webhook.status === filter.status : webhook.status !== 'deleted'),
          );
          const found = await everyPage((page) => store.webhooks(id, filter, page), 3);
          const shown = found.map(({ webhook }) => webhook);
          assert.deepEqual(shown, wanted.toReversed(), JSON.stringify(filter));
        }
      }
    });
  });
}
