import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  anAttempt,
  answered410,
  delivered,
  endOf,
  givenUp,
  retryAt,
  type Ending,
} from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const LATER = 1_900_000_000_000;

/** Successes and failures in a row, one of an event each: `S` and `F`; their numbers tell them apart. */
async function recordsOf(
  account: TestAccount,
  row: string,
  webhook: Parameters<TestAccount['health']>[0],
) {
  const records = [];
  for (const [i, letter] of row.split('').entries()) {
    const event = await account.accept([webhook]);
    const { startedAt, durationMs } = anAttempt(i + 1);
    const { attempt, next } = letter === 'S' ? delivered() : givenUp();
    records.push(
      account.recordOf(event, webhook, { attempt: { ...attempt, startedAt, durationMs }, next }),
    );
  }
  return records;
}

/** When the last attempt of this letter ended, as `recordsOf` makes them. */
function lastEnd(row: string, letter: string): number | null {
  const last = row.lastIndexOf(letter);
  return last === -1 ? null : endOf(anAttempt(last + 1));
}

export function health(opened: TestStore): void {
  describe('a webhook’s health', () => {
    it('is nothing as long as nothing was recorded', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      await account.accept([webhook]);
      const none = {
        lastSuccessAt: null,
        lastFailureAt: null,
        consecutiveFailures: 0,
        nextProbeAt: null,
      };
      assert.deepEqual(await account.health(webhook), none);
    });

    const rows: [string, number][] = [
      ['S', 0],
      ['F', 1],
      ['FF', 2],
      ['FFS', 0],
      ['SFF', 2],
      ['FFSF', 1],
      ['SFFFSS', 0],
    ];
    for (const [row, consecutiveFailures] of rows) {
      it(`counts ${row}, one by one, all in one batch, and in two`, async () => {
        const account = await TestAccount.create(opened);
        for (const batches of [row.length, 1, 2]) {
          const webhook = await account.webhook();
          const records = await recordsOf(account, row, webhook);
          const size = Math.ceil(row.length / batches);
          for (let i = 0; i < row.length; i += size) {
            await account.commit({ records: records.slice(i, i + size) });
          }
          assert.deepEqual(await account.health(webhook), {
            lastSuccessAt: lastEnd(row, 'S'),
            lastFailureAt: lastEnd(row, 'F'),
            consecutiveFailures,
            nextProbeAt: null,
          });
        }
      });
    }

    it('counts every outcome but delivered as a failure', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const outcomes = ['rejected', 'timed_out', 'unreachable', 'blocked'] as const;
      for (const [i, outcome] of outcomes.entries()) {
        const event = await account.accept([webhook]);
        const { attempt, next } = givenUp();
        await account.record(event, webhook, { attempt: { ...attempt, outcome }, next });
        assert.equal((await account.health(webhook))?.consecutiveFailures, i + 1, outcome);
      }
    });

    it('counts every attempt of a delivery, also one that was canceled in flight', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const [first, second] = [await account.accept([webhook]), await account.accept([webhook])];
      await account.record(first, webhook, retryAt(LATER));
      await account.record(first, webhook, answered410(2));
      await account.store.cancelPending(webhook.id, 10);
      await account.record(second, webhook, givenUp());
      assert.equal((await account.health(webhook))?.consecutiveFailures, 3);
    });

    it('takes no notice of an attempt that was not recorded', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      await account.record(event, webhook, retryAt(LATER));
      const before = await account.health(webhook);
      const late = account.recordOf(event, webhook, delivered(2));
      const lease = { ...late.lease, epoch: late.lease.epoch - 1 };
      await account.commit({ records: [{ ...late, lease }] });
      assert.equal(await account.record(event, webhook, delivered(1)), 'gone');
      assert.deepEqual(await account.health(webhook), before);
    });

    it('is each webhook’s own, and shown in the list too', async () => {
      const account = await TestAccount.create(opened);
      const webhooks = [await account.webhook(), await account.webhook(), await account.webhook()];
      const event = await account.accept(webhooks);
      const endings: Ending[] = [delivered(), givenUp()];
      for (const [i, ending] of endings.entries()) {
        const webhook = webhooks[i];
        assert.ok(webhook);
        await account.record(event, webhook, ending);
      }
      const page = await account.store.webhooks(account.id, {}, { limit: 10, cursor: null });
      const at = endOf(anAttempt(1));
      assert.deepEqual(
        page.items.map((shown) => shown.health),
        [
          { lastSuccessAt: null, lastFailureAt: null, consecutiveFailures: 0, nextProbeAt: null },
          { lastSuccessAt: null, lastFailureAt: at, consecutiveFailures: 1, nextProbeAt: null },
          { lastSuccessAt: at, lastFailureAt: null, consecutiveFailures: 0, nextProbeAt: null },
        ],
      );
    });
  });
}
