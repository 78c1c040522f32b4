import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CachedAccount } from '../../src/catalog/account-cache.ts';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import type { Matchable } from '../../src/domain/match.ts';
import type { Subscription, Webhook } from '../../src/domain/webhook.ts';
import { event, plainReason, webhook } from '../domain/random-webhooks.ts';
import { answered410, anEvent } from './examples.ts';
import { explained, type Explained } from './explained.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

/** Numbers stand for whatever there is by then. */
const pick = fc.nat({ max: 60 });
const kind = <Kind extends string>(name: Kind) => fc.constant(name);

const create = fc.record({ kind: kind('create'), webhook });
const step = fc.oneof(
  { weight: 3, arbitrary: create },
  { weight: 4, arbitrary: fc.record({ kind: kind('update'), pick, webhook }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('delete'), pick }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('disable'), pick }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('declare'), event }) },
  { weight: 8, arbitrary: fc.record({ kind: kind('event'), event }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

interface Told {
  readonly event: AcceptedEvent;
  /** Of the webhooks that there were. */
  readonly why: ReadonlyMap<number, Explained['why']>;
}

/** An account of a real store, and beside it what its webhooks are, kept without the store. */
class Pair {
  readonly told: Told[] = [];
  readonly #account: TestAccount;
  readonly #webhooks: Webhook[] = [];
  readonly #now = new Map<number, Subscription>();
  readonly #clients = new Map<number, number>();

  constructor(account: TestAccount) {
    this.#account = account;
  }

  async run(given: Step): Promise<void> {
    switch (given.kind) {
      case 'create':
        return this.#create(given.webhook);
      case 'event':
        return this.#accept(given.event);
      case 'declare':
        return this.#declare(given.event);
      case 'update':
      case 'delete':
      case 'disable': {
        const webhook = this.#webhooks[given.pick % this.#webhooks.length];
        if (!webhook) return undefined;
        if (given.kind === 'update') return this.#update(webhook, given.webhook);
        return given.kind === 'delete' ? this.#delete(webhook) : this.#disable(webhook);
      }
    }
  }

  async #create({ association, targetId, eventTypeMap, categoryIdMap }: Webhook): Promise<void> {
    const subscription = { association, targetId, eventTypeMap, categoryIdMap };
    const made = await this.#account.webhook(subscription);
    this.#webhooks.push(made);
    this.#now.set(made.id, { id: made.id, ...subscription, status: 'active' });
  }

  async #update({ id }: Webhook, { eventTypeMap, categoryIdMap }: Webhook): Promise<void> {
    const changes = { eventTypeMap, categoryIdMap };
    if (await this.#account.store.updateWebhook(this.#account.id, id, changes)) {
      this.#change(id, changes);
    }
  }

  async #delete({ id }: Webhook): Promise<void> {
    if (await this.#account.store.deleteWebhook(this.#account.id, id)) {
      this.#change(id, { status: 'deleted' });
    }
  }

  /** Its endpoint answers 410 to something that it got. */
  async #disable(webhook: Webhook): Promise<void> {
    const filter = { webhookId: webhook.id, status: 'pending' } as const;
    const [delivery] = await this.#account.deliveries(filter);
    if (!delivery || this.#now.get(webhook.id)?.status !== 'active') return;
    const event = anEvent(this.#account.id, { id: delivery.eventId });
    assert.equal(await this.#account.record(event, webhook, answered410()), 'recorded');
    this.#change(webhook.id, { status: 'disabled' });
  }

  async #declare({ campaignId, clientId }: Matchable): Promise<void> {
    if (clientId === null) return;
    const fields = { name: null, clientId, status: null };
    await this.#account.store.declareCampaign(this.#account.id, campaignId, fields);
    this.#clients.set(campaignId, clientId);
  }

  /** As intake does it: matched by the copy in memory, at its version. */
  async #accept(given: Matchable): Promise<void> {
    const copy = new CachedAccount(await this.#account.store.account(this.#account.id));
    const clientId = given.clientId ?? this.#clients.get(given.campaignId) ?? null;
    const event = anEvent(this.#account.id, { ...given, clientId: copy.clientOf(given) });
    assert.equal(event.clientId, clientId);
    const entry = this.#account.entryAt(copy.version, copy.webhooks.match(event), event);
    const { accepts } = await this.#account.commit({ accepts: [entry] });
    assert.deepEqual(accepts, [{ kind: 'accepted' }]);
    const now = [...this.#now].map(
      ([id, webhook]) => [id, plainReason(event, webhook) ?? 'matched'] as const,
    );
    this.told.push({ event, why: new Map(now) });
  }

  #change(id: number, changes: Partial<Subscription>): void {
    const before = this.#now.get(id);
    assert.ok(before);
    this.#now.set(id, { ...before, ...changes });
  }

  /** What the API is to say of an event by now. */
  wanted({ why }: Told): Explained[] {
    return this.#webhooks.toReversed().map(({ id }) => {
      const reason = why.get(id) ?? 'created_later';
      return { id, why: reason, hasDelivery: reason === 'matched' };
    });
  }
}

export function explainingHistories(opened: TestStore): void {
  describe('explaining and matching', () => {
    it('never disagree, whatever was changed between events and since', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(create, { minLength: 1, maxLength: 3 }),
          fc.array(step, { minLength: 10, maxLength: 40 }),
          fc.integer({ min: 1, max: 5 }),
          async (first, steps, limit) => {
            const account = await TestAccount.create(opened);
            const pair = new Pair(account);
            for (const each of [...first, ...steps]) await pair.run(each);
            for (const told of pair.told) {
              assert.deepEqual(await explained(account, told.event, limit), pair.wanted(told));
            }
          },
        ),
        { numRuns: 15 },
      );
    });
  });
}
