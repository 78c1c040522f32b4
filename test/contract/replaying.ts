import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countRedo } from '../../src/catalog/count-redo.ts';
import { acceptedAt } from '../../src/domain/ids.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { answered410, delivered, givenUp, retryAt } from './examples.ts';
import {
  accepted,
  aReplay,
  asked,
  due,
  ended,
  idsOf,
  nextMillisecond,
  pendingIds,
  state,
  stepped,
} from './redo-scene.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

export function replaying(opened: TestStore): void {
  describe('a replay', () => {
    it('puts back what has ended so, with a schedule that begins anew, and nothing else', async () => {
      const account = await TestAccount.create(opened);
      const [webhook, other] = [await account.webhook(), await account.webhook()];
      const exhausted = await ended(account, webhook, 3, givenUp());
      const succeeded = await ended(account, webhook, 2, delivered());
      const pending = await accepted(account, [webhook], 1);
      const elsewhere = await ended(account, other, 1, givenUp());
      const redo = await asked(account, aReplay(webhook));
      assert.equal(redo.count, 3);
      assert.deepEqual(await stepped(account, redo), {
        ...redo,
        status: 'done',
        done: 3,
        endedAt: (await state(account, redo)).endedAt,
      });
      assert.deepEqual(await pendingIds(account, webhook), idsOf([...exhausted, ...pending]));
      const put = (await due(account, webhook)).deliveries.filter(
        ({ attemptCount }) => attemptCount,
      );
      assert.deepEqual(
        put.map(({ attemptCount, scheduleBase }) => [attemptCount, scheduleBase]),
        [1, 2, 3].map(() => [1, 1]),
      );
      for (const event of succeeded) {
        assert.equal((await account.delivery(event, webhook)).status, 'succeeded');
      }
      for (const event of elsewhere) {
        assert.equal((await account.delivery(event, other)).status, 'exhausted');
      }
    });

    it('takes several statuses together, in order of acceptance', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const events = await accepted(account, [webhook], 7);
      for (const [i, event] of events.slice(0, 6).entries()) {
        await account.record(event, webhook, i % 2 === 0 ? delivered() : givenUp());
      }
      const last = events[6];
      assert.ok(last);
      await account.record(last, webhook, answered410());
      await account.store.moveWebhook(account.id, webhook.id, 'resume');
      const statuses = ['canceled', 'succeeded', 'exhausted'] as const;
      const redo = await asked(account, aReplay(webhook, { statuses }));
      assert.equal(redo.count, 7);
      const inTurn: string[] = [];
      await stepped(
        account,
        redo,
        async () => {
          for (const { eventId, attemptCount } of (await due(account, webhook)).deliveries) {
            inTurn.push(eventId);
            const event = events.find(({ id }) => id === eventId);
            assert.ok(event);
            await account.record(event, webhook, delivered(attemptCount + 1));
          }
        },
        1,
      );
      assert.deepEqual(inTurn, idsOf(events).slice(0, inTurn.length));
      assert.deepEqual(await pendingIds(account, webhook), idsOf(events).slice(inTurn.length));
    });

    it('is about the range of acceptance: from inclusive, to exclusive', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const [before] = await ended(account, webhook, 1, givenUp());
      assert.ok(before);
      await nextMillisecond(before);
      const [inside] = await ended(account, webhook, 1, givenUp());
      assert.ok(inside);
      await nextMillisecond(inside);
      const [after] = await ended(account, webhook, 1, givenUp());
      assert.ok(after);
      const [from, to] = [acceptedAt(inside.id), acceptedAt(after.id)];
      const redo = await asked(account, aReplay(webhook, { from, to }));
      assert.equal((await stepped(account, redo)).done, 1);
      assert.deepEqual(await pendingIds(account, webhook), [inside.id]);
    });

    it('adds no more while as many are due as the webhook takes', async () => {
      const account = await TestAccount.create(opened);
      for (const [policy, slots, most] of [
        [{}, undefined, 100],
        [{}, 3, 6],
        [{ concurrency: 2 }, undefined, 4],
        [{ rateLimit: 5 }, 64, 5],
      ] as const) {
        const webhook = await account.webhook(policy);
        await ended(account, webhook, most + 1, givenUp());
        const redo = await asked(account, aReplay(webhook));
        const { store } = account;
        assert.deepEqual(await store.stepRedo(redo, slots), { putBack: most, ended: false });
        assert.deepEqual(await store.stepRedo(redo, slots), { putBack: 0, ended: false });
        const [first] = (await due(account, webhook)).deliveries;
        const event = first && (await store.event(account.id, first.eventId));
        assert.ok(event);
        // What waits for its retry is not due, and takes no room.
        await account.record(event, webhook, retryAt(Date.now() + 3_600_000, 2));
        assert.deepEqual(await store.stepRedo(redo, slots), { putBack: 1, ended: false });
      }
    });

    it('puts each back once, whatever ends meanwhile and whoever else steps', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook({ concurrency: 4 });
      const events = await ended(account, webhook, 40, delivered());
      const flying = await accepted(account, [webhook], 3);
      const redo = await asked(account, aReplay(webhook, { statuses: ['succeeded', 'exhausted'] }));
      assert.equal(redo.count, 40);
      const puts = new Map<string, number>();
      let more = 3;
      const done = await stepped(account, redo, async () => {
        // Those in flight when it was asked for, and new ones, end meanwhile: they are not its own.
        const late = flying.shift() ?? (more-- > 0 ? await account.accept([webhook]) : undefined);
        if (late) await account.record(late, webhook, delivered());
        await Promise.all([1, 2, 3].map(() => account.store.stepRedo(redo)));
        const page = await account.store.due(webhook.id, Date.now() + 1_000, 1_000);
        for (const { eventId, attemptCount } of page.deliveries) {
          const event = events.find(({ id }) => id === eventId);
          if (!event) continue;
          puts.set(eventId, (puts.get(eventId) ?? 0) + 1);
          await account.record(event, webhook, delivered(attemptCount + 1));
        }
      });
      for (const { eventId } of (await due(account, webhook)).deliveries) {
        puts.set(eventId, (puts.get(eventId) ?? 0) + 1);
      }
      assert.equal(done.done, 40);
      assert.deepEqual([...puts.keys()].toSorted(), idsOf(events).toSorted());
      assert.deepEqual(new Set(puts.values()), new Set([1]));
    });

    it('is not about what another redo has put back since, and goes on after that', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const events = await ended(account, webhook, 3, givenUp());
      const first = await asked(account, aReplay(webhook));
      const second = await asked(account, aReplay(webhook));
      assert.deepEqual([first.count, second.count], [3, 3]);
      const unfinished = await account.store.unfinishedRedos([shardOf(webhook.id)]);
      const ours = unfinished.filter(({ webhookId }) => webhookId === webhook.id);
      assert.deepEqual(ours, [first]);
      assert.deepEqual(await account.store.stepRedo(second), { putBack: 0, ended: false });
      await stepped(account, first);
      for (const event of events) await account.record(event, webhook, givenUp(2));
      assert.equal((await stepped(account, second)).done, 0, 'they have ended after it');
      assert.equal((await stepped(account, await asked(account, aReplay(webhook)))).done, 3);
    });

    it('begins when it is counted; the count that was there first stands', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      await ended(account, webhook, 1, givenUp());
      const created = await account.store.createRedo(aReplay(webhook));
      assert.equal(created?.kind, 'created');
      const { redo } = created;
      assert.deepEqual([redo.status, redo.count, redo.done], ['running', null, 0]);
      assert.deepEqual(await account.store.stepRedo(redo), { putBack: 0, ended: false });
      assert.equal(await account.store.startRedo(redo.id, 1), 1);
      assert.equal(await account.store.startRedo(redo.id, 7), 1);
      assert.equal((await stepped(account, redo)).done, 1);
      assert.equal((await stepped(account, redo)).done, 1, 'one that has ended stays so');
    });

    it('is counted in steps, and of a dry run nothing is kept', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      await ended(account, webhook, 5, givenUp());
      await ended(account, webhook, 2, delivered());
      const statuses = ['exhausted', 'succeeded'] as const;
      const set = { ...aReplay(webhook, { statuses }), id: null };
      assert.equal(await countRedo(account.store, set), 7);
      const counts: number[] = [];
      for (let after = null, more = true; more;) {
        const { count, last } = await account.store.countRedo(set, after, 3);
        counts.push(count);
        more = last !== null;
        after = last as never;
      }
      assert.deepEqual(counts, [3, 3, 1]);
      assert.deepEqual(await pendingIds(account, webhook), []);
      const unfinished = await account.store.unfinishedRedos([shardOf(webhook.id)]);
      assert.ok(!unfinished.some(({ webhookId }) => webhookId === webhook.id));
    });

    it('ends as canceled where its webhook is disabled or deleted', async () => {
      const account = await TestAccount.create(opened);
      for (const how of ['disabled', 'deleted'] as const) {
        const webhook = await account.webhook({ concurrency: 1 });
        await ended(account, webhook, 5, givenUp());
        const redo = await asked(account, aReplay(webhook));
        await account.store.stepRedo(redo);
        if (how === 'deleted') await account.store.deleteWebhook(account.id, webhook.id);
        else await account.record(await account.accept([webhook]), webhook, answered410());
        assert.deepEqual(await account.store.stepRedo(redo), { putBack: 0, ended: true });
        const { status, done, endedAt } = await state(account, redo);
        assert.deepEqual([status, done, endedAt === null], ['canceled', 2, false]);
        assert.equal(await account.store.cancelPending(webhook.id, 10), 2);
        const again = await account.store.createRedo(aReplay(webhook));
        assert.deepEqual(again, { kind: 'stopped', status: how });
      }
    });

    it('is not about what was canceled since', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const [gone, waiting] = await accepted(account, [webhook], 2);
      assert.ok(gone && waiting);
      const redo = await asked(account, aReplay(webhook, { statuses: ['canceled'] }));
      await account.record(gone, webhook, answered410());
      await account.store.cancelPending(webhook.id, 10);
      await account.store.moveWebhook(account.id, webhook.id, 'resume');
      assert.equal((await stepped(account, redo)).done, 0);
      assert.equal((await account.delivery(waiting, webhook)).status, 'canceled');
    });

    it('waits with a paused webhook', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const events = await ended(account, webhook, 2, givenUp());
      await account.store.moveWebhook(account.id, webhook.id, 'pause');
      await stepped(account, await asked(account, aReplay(webhook)));
      assert.deepEqual(await pendingIds(account, webhook), idsOf(events));
      assert.deepEqual((await due(account, webhook)).deliveries, []);
    });

    it('is of its account alone', async () => {
      const [account, other] = [await TestAccount.create(opened), await TestAccount.create(opened)];
      const webhook = await account.webhook();
      const of = { ...aReplay(webhook), accountId: other.id };
      assert.equal(await account.store.createRedo(of), undefined);
      assert.equal(await account.store.createRedo({ ...of, webhookId: 987_654_321 }), undefined);
      const redo = await asked(account, aReplay(webhook));
      assert.equal(await account.store.redo(other.id, redo.id), undefined);
      assert.equal(await account.store.redo(account.id, redo.id + 1_000_000), undefined);
    });
  });
}
