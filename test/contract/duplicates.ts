import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import { answered410, delivered, givenUp } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

export function duplicates(opened: TestStore): void {
  describe('an event id of the caller’s that was there before', () => {
    it('tells the event that stands and its deliveries, and stores nothing', async () => {
      const account = await TestAccount.create(opened);
      const webhooks = [await account.webhook(), await account.webhook()];
      const first = await account.accept(webhooks, { callerEventId: 'order-1', body: '{"n":1}' });
      const again = await account.entry(webhooks.slice(1), {
        callerEventId: 'order-1',
        body: '{"n":2}',
        campaignId: 999,
      });
      const { accepts } = await account.commit({ accepts: [again] });
      assert.deepEqual(accepts, [{ kind: 'duplicate', eventId: first.id, deliveries: 2 }]);
      assert.deepEqual(await account.events(), [first], 'the first body stands');
      assert.equal((await account.deliveries()).length, 2);
      assert.equal(await account.store.campaign(account.id, 999), undefined);
    });

    it('is a duplicate within one batch too', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const more = { callerEventId: 'order-1' };
      const first = await account.entry([webhook], more);
      const second = await account.entry([webhook], more);
      const other = await account.entry([webhook], { callerEventId: 'order-2' });
      const third = await account.entry([], more);
      const { accepts } = await account.commit({ accepts: [first, second, other, third] });
      const duplicate = { kind: 'duplicate', eventId: first.event.id, deliveries: 1 };
      assert.deepEqual(accepts, [{ kind: 'accepted' }, duplicate, { kind: 'accepted' }, duplicate]);
      assert.deepEqual(await account.events(), [other.event, first.event]);
    });

    it('is told the deliveries that ended as well', async () => {
      const account = await TestAccount.create(opened);
      const webhooks = await Promise.all(Array.from({ length: 5 }, () => account.webhook()));
      const [succeeded, exhausted, gone, deleted] = webhooks;
      assert.ok(succeeded && exhausted && gone && deleted);
      const event = await account.accept(webhooks, { callerEventId: 'order-1' });
      await account.record(event, succeeded, delivered());
      await account.record(event, exhausted, givenUp());
      await account.record(event, gone, answered410());
      await account.store.deleteWebhook(account.id, deleted.id);
      await account.store.cancelPending(deleted.id, 10);
      const statuses = (await account.deliveries()).map(({ status }) => status);
      assert.deepEqual(statuses.toSorted(), [
        'canceled',
        'canceled',
        'exhausted',
        'pending',
        'succeeded',
      ]);
      const again = await account.entry([], { callerEventId: 'order-1' });
      const { accepts } = await account.commit({ accepts: [again] });
      assert.deepEqual(accepts, [{ kind: 'duplicate', eventId: event.id, deliveries: 5 }]);
    });

    it('is another event in another account', async () => {
      const accounts = [await TestAccount.create(opened), await TestAccount.create(opened)];
      const events: AcceptedEvent[] = [];
      for (const account of accounts) {
        const event = await account.accept([], { callerEventId: 'order-1' });
        assert.deepEqual(await account.events(), [event]);
        events.push(event);
      }
      const again = accounts.map((account) => account.entry([], { callerEventId: 'order-1' }));
      const { accepts } = await opened.store.commit({
        records: [],
        accepts: await Promise.all(again),
      });
      assert.deepEqual(
        accepts,
        events.map(({ id }) => ({ kind: 'duplicate', eventId: id, deliveries: 0 })),
      );
    });

    it('is compared exactly', async () => {
      const account = await TestAccount.create(opened);
      const ids = ['a', 'A', 'a ', ' a', 'é', 'e\u0301', '🎺', '🎺'.repeat(127), '0', '00', "a'"];
      for (const callerEventId of ids) await account.accept([], { callerEventId });
      assert.deepEqual(
        (await account.events()).map(({ callerEventId }) => callerEventId),
        ids.toReversed(),
      );
    });

    it('is no matter where none was given', async () => {
      const account = await TestAccount.create(opened);
      await account.accept([]);
      await account.accept([]);
      assert.equal((await account.events()).length, 2);
    });

    it('is accepted once where many commits bring it at the same time', async () => {
      const account = await TestAccount.create(opened);
      const entries = await Promise.all(
        Array.from({ length: 12 }, () => account.entry([], { callerEventId: 'order-1' })),
      );
      const results = await Promise.all(
        entries.map((entry) => account.commit({ accepts: [entry] })),
      );
      const [event, ...others] = await account.events();
      assert.deepEqual(others, []);
      const told = results.flatMap(({ accepts }) => accepts);
      const accepted = told.flatMap(({ kind }, i) => (kind === 'accepted' ? [i] : []));
      assert.deepEqual(
        accepted.map((i) => entries[i]?.event.id),
        [event?.id],
      );
      for (const result of told) {
        if (result.kind === 'accepted') continue;
        assert.deepEqual(result, { kind: 'duplicate', eventId: event?.id, deliveries: 0 });
      }
    });
  });
}
