import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acceptedAt } from '../../src/domain/ids.ts';
import { anEvent, delivered, endOf, givenUp, retryAt, type Ending } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const LATER = 1_900_000_000_000;

export function recording(opened: TestStore): void {
  describe('recording', () => {
    const endings: [Ending, 'succeeded' | 'exhausted'][] = [
      [delivered(), 'succeeded'],
      [givenUp(), 'exhausted'],
    ];
    for (const [ending, status] of endings) {
      it(`ends a delivery that has ${status}, and keeps its attempt`, async () => {
        const account = await TestAccount.create(opened);
        const { id } = await account.webhook();
        // Not the first version, of which there are many.
        const webhook = await account.store.updateWebhook(account.id, id, { name: 'changed' });
        assert.ok(webhook);
        const event = await account.accept([webhook]);
        assert.equal(await account.record(event, webhook, ending), 'recorded');
        assert.deepEqual(await account.delivery(event, webhook), {
          eventId: event.id,
          webhookId: webhook.id,
          status,
          attemptCount: 1,
          nextAttemptAt: null,
          createdAt: acceptedAt(event.id),
          endedAt: endOf(ending.attempt),
          event,
          webhookVersion: webhook.version,
          attempts: [ending.attempt],
        });
        const due = await account.store.due(webhook.id, LATER, 10);
        assert.deepEqual(due, { deliveries: [], nextDueAt: null });
      });
    }

    it('puts a delivery off to the time of its next attempt', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      const first = retryAt(LATER);
      assert.equal(await account.record(event, webhook, first), 'recorded');
      const second = retryAt(LATER + 1, 2);
      assert.equal(await account.record(event, webhook, second), 'recorded');
      const { attempts, ...delivery } = await account.delivery(event, webhook);
      assert.deepEqual(attempts, [first.attempt, second.attempt]);
      assert.partialDeepStrictEqual(delivery, {
        status: 'pending',
        attemptCount: 2,
        nextAttemptAt: LATER + 1,
        endedAt: null,
      });
      const early = await account.store.due(webhook.id, LATER, 10);
      assert.deepEqual(early, { deliveries: [], nextDueAt: LATER + 1 });
      const { deliveries } = await account.store.due(webhook.id, LATER + 1, 10);
      assert.deepEqual(
        deliveries.map(({ attemptCount }) => attemptCount),
        [2],
      );
    });

    it('takes several attempts of one delivery in one batch, in their order', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      const endings = [retryAt(LATER), retryAt(LATER, 2), delivered(3)];
      const records = endings.map((ending) => account.recordOf(event, webhook, ending));
      assert.deepEqual((await account.commit({ records })).records, Array(3).fill('recorded'));
      const { attempts, status } = await account.delivery(event, webhook);
      assert.equal(status, 'succeeded');
      assert.deepEqual(
        attempts,
        endings.map(({ attempt }) => attempt),
      );
    });

    it('takes only the attempt that follows the last one', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      assert.equal(
        await account.record(event, webhook, delivered(2)),
        'gone',
        'the first is missing',
      );
      assert.equal(await account.record(event, webhook, retryAt(LATER)), 'recorded');
      const before = await account.delivery(event, webhook);
      assert.equal(
        await account.record(event, webhook, delivered(1)),
        'gone',
        'it is there already',
      );
      assert.equal(
        await account.record(event, webhook, delivered(3)),
        'gone',
        'the second is missing',
      );
      assert.deepEqual(await account.delivery(event, webhook), before);
    });

    it('stores nothing of an attempt whose delivery has ended or never was', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      for (const ending of [delivered(), givenUp()]) {
        const event = await account.accept([webhook]);
        await account.record(event, webhook, ending);
        const before = [await account.delivery(event, webhook), await account.health(webhook)];
        for (const again of [delivered(1), delivered(2), retryAt(LATER, 2)]) {
          assert.equal(await account.record(event, webhook, again), 'gone');
        }
        const after = [await account.delivery(event, webhook), await account.health(webhook)];
        assert.deepEqual(after, before);
      }
      const unmatched = await account.accept([]);
      assert.equal(await account.record(unmatched, webhook, delivered()), 'gone');
      assert.equal(await account.record(anEvent(account.id), webhook, delivered()), 'gone');
      const key = { eventId: unmatched.id, webhookId: webhook.id };
      assert.equal(await account.store.delivery(account.id, key), undefined);
    });

    it('tells what became of each in the order of the batch', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const events = [await account.accept([webhook]), await account.accept([webhook])];
      const [first, second] = events.map((event) => account.recordOf(event, webhook, delivered()));
      assert.ok(first && second);
      const gone = account.recordOf(anEvent(account.id), webhook, delivered());
      const lease = { ...second.lease, epoch: second.lease.epoch - 1 };
      const records = [gone, first, { ...second, lease }, second];
      const results = await account.commit({ records });
      assert.deepEqual(results.records, ['gone', 'recorded', 'not_owner', 'recorded']);
    });

    it('comes before accepting in a batch', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const entry = await account.entry([webhook]);
      const record = account.recordOf(entry.event, webhook, delivered());
      const results = await account.commit({ records: [record], accepts: [entry] });
      assert.deepEqual(results, {
        records: ['gone'],
        accepts: [{ kind: 'accepted' }],
        disabled: [],
      });
      assert.equal((await account.delivery(entry.event, webhook)).status, 'pending');
    });
  });
}
