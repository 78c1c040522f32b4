import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LONGEST_FAILING } from '../../src/domain/breaker.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import type { FailingWebhook, HealthMark } from '../../src/store/health-store.ts';
import type { RecordEntry } from '../../src/store/store.ts';
import { anAttempt, delivered, endOf, givenUp, retryAt, type Ending } from './examples.ts';
import { TestAccount } from './test-account.ts';
import { EVERY_SHARD, type TestStore } from './test-store.ts';

const LATER = 1_900_000_000_000;
const OPEN = { probeAt: 1_800_000_000_000, failedProbes: 3 };
const TOO_LONG: HealthMark = { disableReason: 'Failed for too long.' };

/** An ending whose attempt ends at a time. */
function at(time: number, { attempt, next }: Ending): Ending {
  return { attempt: { ...attempt, startedAt: time - attempt.durationMs }, next };
}

class Scene {
  readonly account: TestAccount;
  readonly webhook: Webhook;

  private constructor(account: TestAccount, webhook: Webhook) {
    this.account = account;
    this.webhook = webhook;
  }

  static async create(opened: TestStore): Promise<Scene> {
    const account = await TestAccount.create(opened);
    return new Scene(account, await account.webhook());
  }

  /** A record of an event's first attempt. */
  async entry(ending: Ending, mark?: HealthMark): Promise<RecordEntry> {
    const event = await this.account.accept([this.webhook]);
    return { ...this.account.recordOf(event, this.webhook, ending), mark };
  }

  async record(ending: Ending, mark?: HealthMark): Promise<readonly Webhook[]> {
    return (await this.account.commit({ records: [await this.entry(ending, mark)] })).disabled;
  }

  async failing(): Promise<FailingWebhook | undefined> {
    const found = await this.account.store.failing(EVERY_SHARD);
    return found.find(({ webhookId }) => webhookId === this.webhook.id);
  }

  async nextProbeAt(): Promise<number | null | undefined> {
    return (await this.account.health(this.webhook))?.nextProbeAt;
  }

  async status(): Promise<string | undefined> {
    return (await this.account.store.webhook(this.account.id, this.webhook.id))?.webhook.status;
  }
}

export function failing(opened: TestStore): void {
  describe('a webhook that is failing', () => {
    it('is known by it, from the first failure after the last success', async () => {
      const scene = await Scene.create(opened);
      const { webhook } = scene;
      assert.equal(await scene.failing(), undefined);
      await scene.record(at(1_000_000, delivered()));
      assert.equal(await scene.failing(), undefined);
      await scene.record(at(2_000_000, retryAt(LATER)));
      await scene.record(at(3_000_000, retryAt(LATER)));
      const known = { webhookId: webhook.id, url: webhook.url, since: 2_000_000, failures: 2 };
      assert.deepEqual(await scene.failing(), { ...known, exhausted: false, open: null });
      await scene.record(at(4_000_000, givenUp()));
      const later = { ...known, failures: 3, exhausted: true };
      assert.deepEqual(await scene.failing(), { ...later, open: null });
      await scene.record(at(5_000_000, retryAt(LATER)), { open: OPEN });
      assert.deepEqual(await scene.failing(), { ...later, failures: 4, open: OPEN });
      assert.equal(await scene.nextProbeAt(), OPEN.probeAt);
      await scene.record(at(6_000_000, retryAt(LATER)));
      assert.deepEqual(await scene.failing(), { ...later, failures: 5, open: OPEN });
      await scene.record(at(7_000_000, delivered()));
      assert.equal(await scene.failing(), undefined);
      assert.equal(await scene.nextProbeAt(), null);
      await scene.record(at(8_000_000, retryAt(LATER)));
      assert.deepEqual(await scene.failing(), {
        ...known,
        since: 8_000_000,
        failures: 1,
        exhausted: false,
        open: null,
      });
    });

    it('is as its records say in their order, also where one commit has them all', async () => {
      const scene = await Scene.create(opened);
      const records = [
        await scene.entry(at(1_000_000, givenUp()), { open: OPEN }),
        await scene.entry(at(2_000_000, delivered())),
        await scene.entry(at(3_000_000, retryAt(LATER))),
        await scene.entry(at(4_000_000, retryAt(LATER))),
      ];
      await scene.account.commit({ records: records.slice(0, 1) });
      await scene.account.commit({ records: records.slice(1) });
      assert.partialDeepStrictEqual(await scene.failing(), { since: 3_000_000, failures: 2 });
      assert.partialDeepStrictEqual(await scene.failing(), { exhausted: false, open: null });
      const both = [
        await scene.entry(at(4_100_000, givenUp()), { open: OPEN }),
        await scene.entry(at(4_200_000, delivered())),
        await scene.entry(at(4_300_000, retryAt(LATER))),
      ];
      await scene.account.commit({ records: both });
      const { since, failures, exhausted, open } = (await scene.failing()) ?? assert.fail();
      assert.deepEqual([since, failures, exhausted, open], [4_300_000, 1, false, null]);
      const closing = [
        await scene.entry(at(5_000_000, retryAt(LATER)), { open: OPEN }),
        await scene.entry(at(6_000_000, delivered())),
      ];
      await scene.account.commit({ records: closing });
      assert.equal(await scene.failing(), undefined);
      assert.equal(await scene.nextProbeAt(), null);
    });

    it('is told of by its shard only, while it is active or paused', async () => {
      const scene = await Scene.create(opened);
      const { account, webhook } = scene;
      const { store } = account;
      await scene.record(retryAt(LATER));
      const other = EVERY_SHARD.filter((shard) => shard !== webhook.id % EVERY_SHARD.length);
      const elsewhere = await store.failing(other);
      assert.ok(elsewhere.every(({ webhookId }) => webhookId !== webhook.id));
      await store.moveWebhook(account.id, webhook.id, 'pause');
      assert.ok(await scene.failing());
      await store.deleteWebhook(account.id, webhook.id);
      assert.equal(await scene.failing(), undefined);
    });

    it('has to show anew what it is worth at another URL: an open breaker probes at once', async () => {
      const url = 'https://example.com/other';
      const scene = await Scene.create(opened);
      const { store, id } = scene.account;
      await scene.record(at(1_000_000, givenUp()));
      await store.updateWebhook(id, scene.webhook.id, { name: 'another', url: scene.webhook.url });
      assert.ok(await scene.failing(), 'the same URL');
      await store.updateWebhook(id, scene.webhook.id, { url });
      assert.equal(await scene.failing(), undefined, 'closed: nothing is known of it');
      assert.equal((await scene.account.health(scene.webhook))?.consecutiveFailures, 0);

      await scene.record(at(2_000_000, givenUp()), { open: OPEN });
      const before = Date.now();
      await store.updateWebhook(id, scene.webhook.id, { url: `${url}/2` });
      const found = await scene.failing();
      assert.ok(found?.open && found.open.probeAt >= before && found.open.probeAt <= Date.now());
      assert.equal(found.open.failedProbes, 0);
      assert.deepEqual([found.exhausted, found.since], [false, found.open.probeAt]);
      assert.equal(await scene.nextProbeAt(), found.open.probeAt);
    });

    it('is disabled after five days of it with a delivery given up on, and not before', async () => {
      const since = 1_000_000;
      const almost = since + LONGEST_FAILING - 1;
      const over = since + LONGEST_FAILING;
      const cases: [string, Ending[], Ending, boolean][] = [
        ['over', [at(since, givenUp())], at(over, retryAt(LATER)), true],
        ['exhausted by the last', [at(since, retryAt(LATER))], at(over, givenUp()), true],
        ['not for long enough', [at(since, givenUp())], at(almost, retryAt(LATER)), false],
        ['nothing exhausted', [at(since, retryAt(LATER))], at(over, retryAt(LATER)), false],
        [
          'a success since',
          [at(since, givenUp()), at(since + 1, delivered()), at(since + 2, givenUp())],
          at(over, retryAt(LATER)),
          false,
        ],
      ];
      for (const [what, before, last, disables] of cases) {
        const scene = await Scene.create(opened);
        for (const ending of before) await scene.record(ending);
        const disabled = await scene.record(last, TOO_LONG);
        assert.equal(disabled.length, disables ? 1 : 0, what);
        assert.equal(await scene.status(), disables ? 'disabled' : 'active', what);
        if (disables) assert.equal(disabled[0]?.disabledReason, TOO_LONG.disableReason);
        assert.equal((await scene.failing()) === undefined, disables, what);
      }
    });

    it('is disabled by what all records of the commit say together', async () => {
      const over = 1_000_000 + LONGEST_FAILING;
      const first = at(1_000_000, givenUp());
      const disabling = await Scene.create(opened);
      const records = [
        await disabling.entry(first),
        await disabling.entry(at(over, retryAt(LATER)), TOO_LONG),
      ];
      assert.equal((await disabling.account.commit({ records })).disabled.length, 1);

      const healthy = await Scene.create(opened);
      await healthy.record(first);
      const saved = [
        await healthy.entry(at(over, retryAt(LATER)), TOO_LONG),
        await healthy.entry(at(over + 1, delivered())),
      ];
      assert.deepEqual((await healthy.account.commit({ records: saved })).disabled, []);
      assert.equal(await healthy.status(), 'active');
    });

    it('is not disabled for what another URL has done', async () => {
      const scene = await Scene.create(opened);
      const { store, id } = scene.account;
      await scene.record(at(1_000_000, givenUp()));
      const late = await scene.entry(at(1_000_000 + LONGEST_FAILING, givenUp()), TOO_LONG);
      await store.updateWebhook(id, scene.webhook.id, { url: 'https://example.com/other' });
      assert.deepEqual((await scene.account.commit({ records: [late] })).disabled, []);
      assert.equal(await scene.status(), 'active');
    });

    it('begins anew when it is resumed after having been disabled', async () => {
      const scene = await Scene.create(opened);
      const { store, id } = scene.account;
      await scene.record(at(1_000_000, givenUp()), { open: OPEN });
      await scene.record(at(1_000_000 + LONGEST_FAILING, givenUp()), { open: OPEN, ...TOO_LONG });
      assert.equal(await scene.status(), 'disabled');
      assert.equal(await scene.nextProbeAt(), OPEN.probeAt, 'it is shown as it was');
      await store.moveWebhook(id, scene.webhook.id, 'resume');
      assert.equal(await scene.failing(), undefined);
      const { consecutiveFailures, nextProbeAt } =
        (await scene.account.health(scene.webhook)) ?? assert.fail();
      assert.deepEqual([consecutiveFailures, nextProbeAt], [0, null]);
      const later = at(1_000_001 + LONGEST_FAILING, givenUp());
      assert.deepEqual(await scene.record(later, TOO_LONG), []);
    });
  });

  describe('marks in a batch', () => {
    it('go with the record that they were given with', async () => {
      const account = await TestAccount.create(opened);
      const webhooks = await Promise.all(Array.from({ length: 6 }, () => account.webhook()));
      const event = await account.accept(webhooks);
      const records = webhooks.map((webhook, i) => {
        const entry = account.recordOf(event, webhook, retryAt(LATER));
        const open = { probeAt: 1_000 + i, failedProbes: i };
        return i % 2 === 0 ? entry : { ...entry, mark: { open } };
      });
      await account.commit({ records });
      const probes = await Promise.all(
        webhooks.map(async (webhook) => (await account.health(webhook))?.nextProbeAt),
      );
      assert.deepEqual(probes, [null, 1_001, null, 1_003, null, 1_005]);
      assert.equal(
        (await account.health(webhooks[0] ?? assert.fail()))?.lastFailureAt,
        endOf(anAttempt(1)),
      );
    });
  });
}
