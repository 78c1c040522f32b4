import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { acceptedAt } from '../../src/domain/ids.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import type { AcceptEntry, RecordEntry } from '../../src/store/store.ts';
import { DeliveryModel } from './delivery-model.ts';
import { answered410, anEvent, delivered, givenUp, retryAt, type Ending } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const T = 1_900_000_000_000;
const LATER = T + 1_000_000;

const ENDINGS: readonly ((number: number, time: number) => Ending)[] = [
  (number) => delivered(number),
  (number) => givenUp(number),
  (number, time) => retryAt(T + time, number),
  (number, time) => retryAt(T + time, number),
  (number) => answered410(number),
];

/** Few of each, so that they meet often: numbers stand for whatever there is by then. */
const pick = fc.nat({ max: 60 });
const seldom = fc.nat({ max: 9 }).map((n) => n === 0);

const recordPlan = fc.record({
  delivery: pick,
  ending: fc.nat({ max: ENDINGS.length - 1 }),
  time: fc.nat({ max: 4 }),
  number: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, -1),
  stale: seldom,
});
const acceptPlan = fc.record({
  callerEventId: fc.option(fc.constantFrom('a', 'b', 'c')),
  webhooks: fc.nat({ max: 7 }),
  stale: seldom,
});
const batch = fc.record({
  kind: fc.constant('commit' as const),
  records: fc.array(recordPlan, { maxLength: 4 }),
  accepts: fc.array(acceptPlan, { maxLength: 3 }),
});
const command = fc.oneof(
  { weight: 8, arbitrary: batch },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('create' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), webhook: pick }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('cancel' as const),
      webhook: pick,
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
);
type Plan<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Value> ? Value : never;

/** A store's account and the model of it, which go through the same things. */
class Pair {
  readonly #account: TestAccount;
  readonly #model: DeliveryModel;
  readonly #webhooks: Webhook[] = [];

  constructor(account: TestAccount, version: number) {
    this.#account = account;
    this.#model = new DeliveryModel(version);
  }

  async run(step: Plan<typeof command>): Promise<void> {
    if (step.kind === 'create') return this.create();
    if (step.kind === 'commit') return this.#commit(step);
    const webhook = this.#webhooks[step.webhook % this.#webhooks.length];
    assert.ok(webhook);
    if (step.kind === 'cancel') return this.#cancel(webhook, step.limit);
    const deleted = await this.#account.store.deleteWebhook(this.#account.id, webhook.id);
    assert.equal(deleted !== undefined, this.#model.deleteWebhook(webhook.id));
  }

  async create(): Promise<void> {
    const webhook = await this.#account.webhook();
    this.#webhooks.push(webhook);
    this.#model.addWebhook(webhook.id);
    assert.equal(webhook.version, this.#model.version);
  }

  async #commit({ records, accepts }: Plan<typeof batch>): Promise<void> {
    const planned = records.map((plan) => this.#recordOf(plan));
    const batch = {
      records: planned.map(({ record }) => record),
      accepts: accepts.map((plan) => this.#acceptOf(plan)),
    };
    const results = await this.#account.commit(batch);
    const { records: recorded, accepts: accepted } = results;
    assert.deepEqual(
      recorded,
      planned.map(({ record, owned }) => this.#model.record(record, owned)),
    );
    assert.deepEqual(
      accepted,
      batch.accepts.map((entry) => this.#model.accept(entry)),
    );
    assert.equal(await this.#account.version(), this.#model.version);
  }

  #recordOf(plan: Plan<typeof recordPlan>): { record: RecordEntry; owned: boolean } {
    const { deliveries } = this.#model;
    const delivery = deliveries[plan.delivery % deliveries.length];
    const webhook = this.#webhooks.find(({ id }) => id === delivery?.webhookId);
    const number = Math.max((delivery?.attemptCount ?? 0) + 1 + plan.number, 1);
    const ending = ENDINGS[plan.ending]?.(number, plan.time) ?? delivered(number);
    const event = anEvent(this.#account.id, delivery && { id: delivery.eventId });
    const any = webhook ?? this.#webhooks[0];
    assert.ok(any);
    const record = this.#account.recordOf(event, any, ending);
    const lease = { ...record.lease, epoch: record.lease.epoch - 1 };
    return { record: plan.stale ? { ...record, lease } : record, owned: !plan.stale };
  }

  #acceptOf({ callerEventId, webhooks, stale }: Plan<typeof acceptPlan>): AcceptEntry {
    const matched = this.#webhooks.filter(
      ({ id }, i) => (webhooks >> (i % 3)) % 2 === 1 && this.#model.webhook(id).status === 'active',
    );
    const version = this.#model.version - (stale ? 1 : 0);
    return this.#account.entryAt(version, matched, { callerEventId });
  }

  async #cancel({ id }: Webhook, limit: number): Promise<void> {
    const before = this.#model.pendingOf(id);
    const stopped = this.#model.webhook(id).status !== 'active';
    const canceled = await this.#account.store.cancelPending(id, limit);
    assert.equal(canceled, stopped ? Math.min(limit, before.length) : 0);
    const left = await this.#account.deliveries({ webhookId: id, status: 'pending' });
    const still = new Set(left.map(({ eventId }) => eventId));
    this.#model.cancel(before.filter(({ eventId }) => !still.has(eventId)));
    assert.equal(left.length, before.length - canceled);
  }

  /** What looking shows is what the model holds. */
  async compare(): Promise<void> {
    const shown = await this.#account.deliveries();
    const wanted = this.#model.deliveries.toSorted((a, b) =>
      a.eventId === b.eventId ? b.webhookId - a.webhookId : a.eventId < b.eventId ? 1 : -1,
    );
    assert.deepEqual(
      shown.map(({ createdAt, endedAt, ...delivery }) => {
        assert.equal(createdAt, acceptedAt(delivery.eventId));
        assert.equal(endedAt === null, delivery.status === 'pending');
        return delivery;
      }),
      wanted,
    );
  }

  async compareAtTheEnd(): Promise<void> {
    const { store, id: accountId } = this.#account;
    const toCancel = await store.webhooksToCancel();
    for (const { id } of this.#webhooks) {
      const { status, consecutiveFailures } = this.#model.webhook(id);
      const shown = await store.webhook(accountId, id);
      assert.equal(shown?.webhook.status, status);
      assert.equal(shown?.health.consecutiveFailures, consecutiveFailures);
      const pending = this.#model.pendingOf(id);
      const { deliveries } = await store.due(id, LATER, 1_000);
      assert.deepEqual(
        deliveries.map(({ eventId, nextAttemptAt }) => [eventId, nextAttemptAt]),
        status === 'active' ? pending.map((d) => [d.eventId, d.nextAttemptAt]) : [],
      );
      assert.equal(toCancel.includes(id), status !== 'active' && pending.length > 0);
    }
    for (const delivery of this.#model.deliveries) {
      const detail = await store.delivery(accountId, delivery);
      assert.deepEqual(
        detail?.attempts.map(({ number }) => number),
        Array.from({ length: delivery.attemptCount }, (_, i) => i + 1),
      );
    }
  }
}

export function lifecycle(opened: TestStore): void {
  describe('the life of deliveries', () => {
    it('is that of a plain model, whatever is committed, recorded, deleted and canceled', async () => {
      const commands = fc.array(command, { minLength: 5, maxLength: 40, size: 'max' });
      await fc.assert(
        fc.asyncProperty(commands, async (steps) => {
          const account = await TestAccount.create(opened);
          const pair = new Pair(account, await account.version());
          await pair.create();
          await pair.create();
          for (const step of steps) {
            await pair.run(step);
            await pair.compare();
          }
          await pair.compareAtTheEnd();
        }),
        { numRuns: 40 },
      );
    });
  });
}
