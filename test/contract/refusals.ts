import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Outcome } from '../../src/domain/attempt.ts';
import {
  StoreRefused,
  type AcceptEntry,
  type CommitBatch,
  type RecordEntry,
} from '../../src/store/store.ts';
import { answered410, delivered, retryAt } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

/** What no database takes; the callers never make it, so it stands for a fault that nobody foresaw. */
const BAD_ACCEPTS: [string, (good: AcceptEntry, known: AcceptEntry) => AcceptEntry][] = [
  ['a campaign id of 0', (good) => ({ ...good, event: { ...good.event, campaignId: 0 } })],
  ['an id that is none', (good) => ({ ...good, event: { ...good.event, id: 'evt_0123' } })],
  [
    'the id of an event that is there',
    (good, known) => ({ ...good, event: { ...good.event, id: known.event.id } }),
  ],
  [
    'two deliveries to one webhook',
    (good) => ({ ...good, deliveries: [...good.deliveries, ...good.deliveries] }),
  ],
];

const BAD_RECORDS: [string, (good: RecordEntry) => RecordEntry][] = [
  ['a duration below 0', (good) => ({ ...good, attempt: { ...good.attempt, durationMs: -1 } })],
  [
    'an outcome that is none',
    (good) => ({ ...good, attempt: { ...good.attempt, outcome: 'lost' as Outcome } }),
  ],
  [
    'no time of its next attempt',
    (good) => ({ ...good, next: { status: 'pending', nextAttemptAt: Number.NaN } }),
  ],
];

/** A batch with a bit of everything, and the account that it is about. */
async function goodBatch(opened: TestStore) {
  const account = await TestAccount.create(opened);
  const [webhook, gone] = [await account.webhook(), await account.webhook()];
  const known = await account.entry([webhook, gone]);
  const other = await account.entry([webhook]);
  await account.commit({ accepts: [known, other] });
  const fresh = { campaignId: 50, callerEventId: 'fresh' };
  const batch = {
    records: [
      account.recordOf(known.event, webhook, retryAt(1_900_000_000_000)),
      account.recordOf(known.event, gone, answered410()),
      account.recordOf(other.event, webhook, delivered()),
    ] as const,
    accepts: [await account.entry([webhook], fresh), await account.entry([webhook])] as const,
  };
  return { account, webhook, gone, known, batch };
}

async function everything(account: TestAccount): Promise<unknown> {
  return [
    await account.snapshot(),
    await account.events(),
    await account.deliveries(),
    await account.store.webhooks(account.id, {}, { limit: 10, cursor: null }),
    await account.store.campaign(account.id, 50),
  ];
}

/** The good ones alone are taken, as if they had never been refused. */
async function takenAfterwards(account: TestAccount, batch: CommitBatch): Promise<void> {
  const { accepts } = await account.commit({ accepts: batch.accepts });
  assert.deepEqual(accepts, [{ kind: 'accepted' }, { kind: 'accepted' }]);
  assert.equal((await account.store.campaign(account.id, 50))?.id, 50);
  const { records, disabled } = await account.commit({ records: batch.records });
  assert.deepEqual(records, ['recorded', 'recorded', 'recorded']);
  assert.equal(disabled.length, 1);
}

async function refused(
  opened: TestStore,
  spoil: (batch: CommitBatch, known: AcceptEntry) => CommitBatch,
): Promise<void> {
  const { account, webhook, known, batch } = await goodBatch(opened);
  const before = await everything(account);
  const detail = await account.delivery(known.event, webhook);
  await assert.rejects(account.commit(spoil(batch, known)), StoreRefused);
  assert.deepEqual(await everything(account), before);
  assert.deepEqual(await account.delivery(known.event, webhook), detail);
  await takenAfterwards(account, batch);
}

export function refusals(opened: TestStore): void {
  describe('a batch with an entry that the store will not take', () => {
    for (const [what, spoil] of BAD_ACCEPTS) {
      it(`is refused as a whole: an event with ${what}`, () =>
        refused(opened, ({ records: [first], accepts }, known) => {
          const last = accepts.at(-1);
          assert.ok(first && last);
          // Without the record that makes all accepts stale.
          return { records: [first], accepts: [...accepts.slice(0, -1), spoil(last, known)] };
        }));
    }

    for (const [what, spoil] of BAD_RECORDS) {
      it(`is refused as a whole: an attempt with ${what}`, () =>
        refused(opened, ({ records, accepts }) => {
          const last = records.at(-1);
          assert.ok(last);
          return { records: [...records.slice(0, -1), spoil(last)], accepts };
        }));
    }
  });

  describe('a change of what is registered that the store will not take', () => {
    it('changes nothing', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook();
      const before = await account.snapshot();
      const scope = { association: 3, targetId: null } as const;
      const fields = { name: 'x', clientId: -1, status: null };
      await assert.rejects(store.createWebhook({ ...webhook, ...scope }, true), StoreRefused);
      await assert.rejects(store.createWebhook({ ...webhook, url: 'no URL' }, false));
      await assert.rejects(store.updateWebhook(id, webhook.id, { url: 'no URL' }));
      await assert.rejects(store.declareCampaign(id, 51, fields), StoreRefused);
      assert.deepEqual(await account.snapshot(), before);
      assert.equal(await store.campaign(id, 51), undefined);
    });
  });
}
