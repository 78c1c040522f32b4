import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AccountCache } from '../../src/catalog/account-cache.ts';
import { Webhooks } from '../../src/catalog/webhooks.ts';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import { Accept } from '../../src/intake/accept.ts';
import type { Store } from '../../src/store/store.ts';
import { Log } from '../../src/telemetry/log.ts';
import { bareLoop, listenerOf } from '../engine/bare-loop.ts';
import { anEvent, aWebhook, newEventId } from './examples.ts';
import { explained } from './explained.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const CALLERS = 3;
const CALLS_EACH = 30;
const TYPES = ['SENT', 'REPLIED'] as const;

const ignore = (): void => undefined;

/** The door for events and the verbs that change webhooks, on one copy of the account, as a node has it. */
function aNode(store: Store): { accept: Accept; webhooks: Webhooks } {
  const log = new Log('fatal', { write: ignore });
  const accounts = new AccountCache(store);
  const loop = bareLoop(store);
  const accept = new Accept({
    accounts,
    newEventId,
    commit: (entry, settle) => loop.accept(entry, settle),
    admit: () => undefined,
    log,
  });
  return { accept, webhooks: new Webhooks({ store, listener: listenerOf(accounts), log }) };
}

/** Puts events of both types in, again and again, each caller one call after the other. */
class Callers {
  readonly events: AcceptedEvent[] = [];
  readonly #account: TestAccount;
  readonly #accept: Accept;
  #calls = 0;
  #called = Promise.withResolvers<void>();

  constructor(account: TestAccount, accept: Accept) {
    this.#account = account;
    this.#accept = accept;
  }

  get done(): boolean {
    return this.#calls === CALLERS * CALLS_EACH;
  }

  async run(): Promise<void> {
    for (let i = 0; i < CALLS_EACH; i += 1) {
      const events = TYPES.map((type) => anEvent(this.#account.id, { type }));
      const acceptances = await this.#accept.accept(events);
      acceptances.forEach((acceptance, j) => {
        const event = events[j];
        assert.ok(event && 'id' in acceptance, 'it was refused');
        this.events.push({ ...event, id: acceptance.id });
      });
      this.#calls += 1;
      this.#called.resolve();
      this.#called = Promise.withResolvers();
    }
  }

  /** So many calls later one of the callers has begun one and ended it. */
  async oneWhole(): Promise<void> {
    const until = this.#calls + CALLERS + 1;
    while (!this.done && this.#calls < until) await this.#called.promise;
  }
}

/** Made, narrowed and deleted while events come in; every second change stays for a whole call. */
async function changeMeanwhile(
  account: TestAccount,
  webhooks: Webhooks,
  callers: Callers,
): Promise<void> {
  while (!callers.done) {
    const { webhook } = await webhooks.create(aWebhook(account.id), true);
    await webhooks.update(account.id, webhook.id, { eventTypeMap: { SENT: true } });
    await callers.oneWhole();
    await webhooks.update(account.id, webhook.id, { eventTypeMap: { REPLIED: true } });
    await webhooks.delete(account.id, webhook.id);
    await callers.oneWhole();
  }
}

export function explainingRaces(opened: TestStore): void {
  describe('explaining an event that was matched while webhooks changed', () => {
    it('agrees with its deliveries, whatever came first', async () => {
      const account = await TestAccount.create(opened);
      const { accept, webhooks } = aNode(opened.store);
      const callers = new Callers(account, accept);
      const calls = Array.from({ length: CALLERS }, () => callers.run());
      await Promise.all([...calls, changeMeanwhile(account, webhooks, callers)]);
      const reasons = new Set<string>();
      for (const event of callers.events) {
        for (const { why, hasDelivery } of await explained(account, event)) {
          assert.equal(why === 'matched', hasDelivery, `${event.id}: ${why}`);
          reasons.add(why);
        }
      }
      for (const why of ['matched', 'created_later', 'deleted', 'event_type_not_subscribed']) {
        assert.ok(reasons.has(why), `${why} did not come up`);
      }
    });
  });
}
