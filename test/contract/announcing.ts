import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NO_ATTEMPTS_LEFT, OUTLIVED_RETENTION } from '../../src/domain/announcement.ts';
import { LONGEST_FAILING } from '../../src/domain/breaker.ts';
import { NO_CAMPAIGN } from '../../src/domain/event.ts';
import { eventIdMaker } from '../../src/domain/ids.ts';
import type { Announced } from '../../src/store/health-store.ts';
import { anAttempt, anEvent, answered410, delivered, endOf, givenUp, retryAt } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const LATER = 1_900_000_000_000;
const DAY_MS = 86_400_000;

async function announcementsOf({ store, id }: TestAccount) {
  const found = await store.announcements(0, 1_000);
  return found.filter(({ accountId }) => accountId === id);
}

/** Two announcements, one that somebody wants and one that nobody does. */
async function two(account: TestAccount) {
  const [webhook, watcher] = [await account.webhook(), await account.webhook()];
  for (let i = 0; i < 2; i += 1) {
    await account.record(await account.accept([webhook]), webhook, givenUp());
  }
  const { accountVersion, deliveries } = await account.entry([watcher]);
  const event = anEvent(account.id, { type: 'DELIVERY_EXHAUSTED', campaignId: NO_CAMPAIGN });
  const [first, second] = (await announcementsOf(account)).map(({ id }) => id);
  assert.ok(first !== undefined && second !== undefined);
  const announced: Announced[] = [
    { announcementId: first, accept: { event, deliveries } },
    { announcementId: second, accept: null },
  ];
  return { announced, accountVersion, event, watcher };
}

export function announcing(shared: TestStore): void {
  describe('an announcement', () => {
    it('is made where a delivery is given up on, with what its event says', async () => {
      const account = await TestAccount.create(shared);
      const webhook = await account.webhook();
      const event = await account.accept([webhook], { campaignId: 9, clientId: 4 });
      await account.record(event, webhook, retryAt(LATER));
      assert.deepEqual(await announcementsOf(account), []);
      await account.record(event, webhook, givenUp(2));
      const [made, ...more] = await announcementsOf(account);
      assert.deepEqual(more, []);
      assert.deepEqual(made, {
        id: made?.id,
        accountId: account.id,
        webhookId: webhook.id,
        type: 'DELIVERY_EXHAUSTED',
        at: endOf(anAttempt(2)),
        reason: NO_ATTEMPTS_LEFT,
        delivery: {
          eventId: event.id,
          eventType: 'REPLIED',
          campaignId: 9,
          clientId: 4,
          attemptCount: 2,
        },
      });
    });

    it('is not made of an operational event: nor of what was canceled, not owned, or recorded before', async () => {
      const account = await TestAccount.create(shared);
      const webhook = await account.webhook();
      const operational = await account.accept([webhook], { type: 'WEBHOOK_FAILING' });
      await account.record(operational, webhook, givenUp());
      const [event, canceled] = [await account.accept([webhook]), await account.accept([webhook])];
      const entry = account.recordOf(event, webhook, givenUp());
      const mark = { announce: 'WEBHOOK_FAILING' } as const;
      const stale = { ...entry, mark, lease: { ...entry.lease, epoch: entry.lease.epoch - 1 } };
      assert.deepEqual((await account.commit({ records: [stale] })).records, ['not_owner']);
      assert.deepEqual(await announcementsOf(account), []);
      await account.commit({ records: [entry] });
      assert.equal((await announcementsOf(account)).length, 1);
      assert.deepEqual((await account.commit({ records: [{ ...entry, mark }] })).records, ['gone']);
      await account.store.deleteWebhook(account.id, webhook.id);
      await account.store.cancelPending(webhook.id, 10);
      await account.record(canceled, webhook, givenUp());
      assert.equal((await announcementsOf(account)).length, 1);
    });

    it('is made of what a record says of its webhook’s breaker', async () => {
      const account = await TestAccount.create(shared);
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      const entry = account.recordOf(event, webhook, retryAt(LATER));
      await account.commit({ records: [{ ...entry, mark: { announce: 'WEBHOOK_FAILING' } }] });
      const again = account.recordOf(event, webhook, delivered(2));
      await account.commit({ records: [{ ...again, mark: { announce: 'WEBHOOK_RECOVERED' } }] });
      const made = await announcementsOf(account);
      assert.deepEqual(
        made.map(({ type, webhookId, at, reason, delivery }) => [
          type,
          webhookId,
          at,
          reason,
          delivery,
        ]),
        [
          ['WEBHOOK_FAILING', webhook.id, endOf(anAttempt(1)), null, null],
          ['WEBHOOK_RECOVERED', webhook.id, endOf(anAttempt(2)), null, null],
        ],
      );
    });

    it('is made once where a webhook is disabled, with the reason', async () => {
      const account = await TestAccount.create(shared);
      const [gone, dead] = [await account.webhook(), await account.webhook()];
      for (const [webhook, ending] of [
        [gone, answered410(1, 'Gone.')],
        [gone, answered410(1, 'Gone again.')],
        [dead, givenUp()],
      ] as const) {
        await account.record(await account.accept([gone, dead]), webhook, ending);
      }
      const late = account.recordOf(await account.accept([dead]), dead, retryAt(LATER));
      const startedAt = late.attempt.startedAt + LONGEST_FAILING;
      await account.commit({
        records: [
          { ...late, attempt: { ...late.attempt, startedAt }, mark: { disableReason: 'Dead.' } },
        ],
      });
      const made = await announcementsOf(account);
      assert.deepEqual(
        made.map(({ type, webhookId, reason }) => [type, webhookId, reason]),
        [
          ['WEBHOOK_DISABLED', gone.id, 'Gone.'],
          ['DELIVERY_EXHAUSTED', dead.id, NO_ATTEMPTS_LEFT],
          ['WEBHOOK_DISABLED', dead.id, 'Dead.'],
        ],
      );
    });

    it('is made of what outlives the retention time, though its event is gone', async () => {
      await using opened = await shared.another();
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
      const oldId = eventIdMaker(() => today - 1);
      const event = await account.accept([webhook], { id: oldId(), campaignId: 9 });
      await account.accept([webhook], { id: oldId(), type: 'DELIVERY_EXHAUSTED' });
      const ended = await account.accept([webhook], { id: oldId() });
      await account.record(ended, webhook, delivered());
      await account.record(event, webhook, retryAt(LATER));
      await opened.store.expire(today, 10);
      assert.equal(await opened.store.event(account.id, event.id), undefined);
      const [made, ...more] = await announcementsOf(account);
      assert.deepEqual(more, []);
      assert.partialDeepStrictEqual(made, {
        webhookId: webhook.id,
        type: 'DELIVERY_EXHAUSTED',
        reason: OUTLIVED_RETENTION,
        delivery: { eventId: event.id, campaignId: 9, attemptCount: 1 },
      });
    });
  });

  describe('announcements', () => {
    it('come in pages, in their order', async () => {
      await using opened = await shared.another();
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      for (let i = 0; i < 3; i += 1) {
        await account.record(await account.accept([webhook]), webhook, givenUp());
      }
      const all = await opened.store.announcements(0, 10);
      assert.equal(all.length, 3);
      const first = await opened.store.announcements(0, 2);
      const rest = await opened.store.announcements(first.at(-1)?.id ?? 0, 2);
      assert.deepEqual([...first, ...rest], all);
      assert.ok(all.every(({ id }, i) => id > (all[i - 1]?.id ?? 0)));
    });
  });

  describe('announcing', () => {
    it('stores the event with its deliveries, and strikes out what it was made of', async () => {
      const account = await TestAccount.create(shared);
      const { announced, accountVersion, event, watcher } = await two(account);
      const before = (await account.events()).length;
      assert.equal(await account.store.announce(account.id, accountVersion, announced), true);
      assert.deepEqual(await announcementsOf(account), []);
      assert.equal((await account.events()).length, before + 1);
      assert.deepEqual(await account.store.event(account.id, event.id), event);
      assert.equal((await account.delivery(event, watcher)).status, 'pending');
      const { deliveries } = await account.store.due(watcher.id, LATER, 10);
      assert.deepEqual(
        deliveries.map(({ eventId }) => eventId),
        [event.id],
      );
      assert.equal(await account.store.campaign(account.id, NO_CAMPAIGN - 1), undefined);
    });

    it('is done once, however often it is tried', async () => {
      const account = await TestAccount.create(shared);
      const { announced, accountVersion } = await two(account);
      const before = (await account.events()).length;
      const again = announced.map(({ announcementId, accept }) => ({
        announcementId,
        accept: accept && { ...accept, event: anEvent(account.id, { campaignId: NO_CAMPAIGN }) },
      }));
      const tries = [announced, again, announced].map((given) =>
        account.store.announce(account.id, accountVersion, given),
      );
      assert.deepEqual(await Promise.all(tries), [true, true, true]);
      assert.equal((await account.events()).length, before + 1);
      assert.equal((await account.events({ type: 'DELIVERY_EXHAUSTED' })).length <= 1, true);
    });

    it('changes nothing where the account has changed since', async () => {
      const account = await TestAccount.create(shared);
      const { announced, accountVersion } = await two(account);
      const before = [await announcementsOf(account), await account.events()];
      await account.webhook();
      assert.equal(await account.store.announce(account.id, accountVersion, announced), false);
      const none = announced.map(({ announcementId }) => ({ announcementId, accept: null }));
      assert.equal(await account.store.announce(account.id, accountVersion, none), false);
      assert.deepEqual([await announcementsOf(account), await account.events()], before);
    });
  });
}
