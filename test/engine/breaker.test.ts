import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  FAILED_FOR_TOO_LONG,
  FAILURES_TO_OPEN,
  LONGEST_FAILING,
} from '../../src/domain/breaker.ts';
import { Redos } from '../../src/catalog/redos.ts';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import type { EventId } from '../../src/domain/ids.ts';
import type { NewWebhook, Webhook } from '../../src/domain/webhook.ts';
import type { FailingWebhook } from '../../src/store/health-store.ts';
import type { RecordEntry } from '../../src/store/store.ts';
import { anAttempt, anEvent, aWebhook, deliveryOf } from '../contract/examples.ts';
import { EVERY_SHARD } from '../contract/test-store.ts';
import { temporaryDirectory } from '../e2e/ground.ts';
import { answer, Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { events, RunningCore } from './running-core.ts';

const SLOTS = 4;
const ENV = {
  POSTHORN_WEBHOOK_CONCURRENCY: String(SLOTS),
  POSTHORN_RETRY_SCHEDULE: Array.from({ length: 30 }, () => '1s').join(','),
};
const MINUTE = 60_000;

/** A receiver that answers 500 while it is down. */
async function endpoint() {
  const state = { down: true };
  const receiver = await Receiver.start((received, response) =>
    answer(received, response, state.down ? 500 : 200, 1),
  );
  return { receiver, state, [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose]() };
}

async function failing(running: RunningCore, id: number): Promise<FailingWebhook | undefined> {
  return (await running.store.failing(EVERY_SHARD)).find(({ webhookId }) => webhookId === id);
}

async function failedProbes(running: RunningCore, id: number): Promise<number> {
  return (await failing(running, id))?.open?.failedProbes ?? -1;
}

async function add(running: RunningCore, webhook: NewWebhook): Promise<Webhook> {
  return (await running.webhooks.create(webhook, true)).webhook;
}

/** A delivery of a stopped server that was recorded, so that its webhook's breaker is open until then. */
async function openUntil(
  running: RunningCore,
  webhook: Webhook,
  probeAt: number,
  nextAttemptAt = Date.now(),
): Promise<void> {
  const next = { status: 'pending', nextAttemptAt } as const;
  const mark = { open: { probeAt, failedProbes: 9 } };
  await failedOnce(running, webhook, anEvent(webhook.accountId), { next, mark });
}

/** The id of an event whose delivery has failed and been given up on, before. */
async function givenUpOn(running: RunningCore, webhook: Webhook): Promise<EventId> {
  const event = anEvent(webhook.accountId, { leadEmail: 'given-up@example.com' });
  await failedOnce(running, webhook, event, { next: { status: 'exhausted' } });
  return event.id;
}

/** Stores an event with its delivery, and one attempt that was rejected. */
async function failedOnce(
  { store }: RunningCore,
  webhook: Webhook,
  event: AcceptedEvent,
  ending: Pick<RecordEntry, 'next' | 'mark'>,
): Promise<void> {
  const { accountId, id, version } = webhook;
  const accountVersion = (await store.account(accountId)).version;
  const deliveries = [{ webhookId: id, webhookVersion: version }];
  await store.commit({ records: [], accepts: [{ event, accountVersion, deliveries }] });
  const [lease] = await store.claimShards([id % EVERY_SHARD.length]);
  assert.ok(lease);
  const attempt = anAttempt(1, { outcome: 'rejected', url: webhook.url, startedAt: Date.now() });
  const key = deliveryOf(event, webhook);
  await store.commit({ records: [{ ...key, lease, attempt, ...ending }], accepts: [] });
}

function idsOf({ received }: Receiver): string[] {
  return received.map(({ headers }) => String(headers['webhook-id']));
}

describe('a webhook whose endpoint is down', () => {
  for (const ordering of ['none', 'lead'] as const) {
    it(`is probed, not flooded, and gets everything once it is up again (ordering ${ordering})`, async () => {
      await using running = await RunningCore.start({ env: ENV });
      await using down = await endpoint();
      const { receiver, state } = down;
      const account = await running.store.createAccount('one');
      const made = await add(running, aWebhook(account, { url: receiver.url, ordering }));
      const given = Array.from({ length: 300 }, (_, i) =>
        events(account, 1, { leadEmail: `${i}@example.com` }),
      ).flat();
      await running.core.intake.accept(given);
      await waitFor('two probes', async () => (await failedProbes(running, made.id)) >= 2);
      const probes = await failedProbes(running, made.id);
      const most = FAILURES_TO_OPEN + SLOTS + probes + 1;
      assert.ok(receiver.received.length <= most, `${receiver.received.length}, not ${most}`);
      assert.equal((await running.pending(account)).length, 300);
      state.down = false;
      await waitFor('all', async () => (await running.pending(account)).length === 0, 30_000);
      const good = receiver.received.filter(({ status }) => status === 200);
      assert.equal(new Set(good.map(({ headers }) => headers['webhook-id'])).size, 300);
      assert.equal(good.length, 300, 'each once');
      assert.equal(await failing(running, made.id), undefined);
    });
  }

  for (const ordering of ['none', 'lead'] as const) {
    it(`is sent at once what a person retries, long before the next probe (ordering ${ordering})`, async () => {
      const env = { ...ENV, POSTHORN_RETRY_SCHEDULE: '1h' };
      await using directory = await temporaryDirectory();
      const file = join(directory.path, 'posthorn.db');
      await using down = await endpoint();
      const { receiver, state } = down;
      let made: Webhook;
      let retried: EventId;
      {
        await using stopped = await RunningCore.open({ env, file });
        const account = await stopped.store.createAccount('one');
        made = await add(stopped, aWebhook(account, { url: receiver.url, ordering }));
        retried = await givenUpOn(stopped, made);
        await openUntil(stopped, made, Date.now() + MINUTE);
      }
      await using running = await RunningCore.start({ env, file });
      const redos = new Redos({ store: running.store, listener: running.core, log: running.log });
      const retry = (): Promise<void> =>
        redos.retry(made.accountId, { eventId: retried, webhookId: made.id });
      const before = await failing(running, made.id);
      assert.ok(before?.open && before.open.probeAt > Date.now() + MINUTE / 2);

      await retry();
      await waitFor('the attempt', async () => (await failing(running, made.id))?.failures === 3);
      assert.deepEqual((await failing(running, made.id))?.open, before.open, 'no probe was made');
      assert.deepEqual(idsOf(receiver), [retried], 'what is due waits for the probe');

      state.down = false;
      await retry();
      await waitFor('all', async () => (await running.pending(made.accountId)).length === 0);
      assert.deepEqual(idsOf(receiver).slice(0, 2), [retried, retried]);
      assert.equal(receiver.received.length, 3);
      assert.equal(await failing(running, made.id), undefined);
    });
  }

  it('slows no other down', async () => {
    await using running = await RunningCore.start({ env: ENV });
    await using down = await endpoint();
    await using up = await Receiver.start();
    const account = await running.store.createAccount('one');
    await running.addWebhook(account, down.receiver.url);
    await running.addWebhook(account, up.url);
    await running.core.intake.accept(events(account, 300));
    await waitFor('the other one', () => up.received.length === 300);
    assert.ok(down.receiver.received.length < 100);
  });

  it('is still probed only, when it is another process that owns it', async () => {
    await using directory = await temporaryDirectory();
    await using down = await endpoint();
    const { receiver } = down;
    const file = join(directory.path, 'posthorn.db');
    let made: Webhook;
    {
      await using first = await RunningCore.start({ env: ENV, file });
      const account = await first.store.createAccount('one');
      made = await add(first, aWebhook(account, { url: receiver.url }));
      await first.core.intake.accept(events(account, 100));
      await waitFor('a probe', async () => (await failedProbes(first, made.id)) >= 1);
    }
    const sent = receiver.received.length;
    await using second = await RunningCore.start({ env: ENV, file });
    const before = await failedProbes(second, made.id);
    assert.ok(before >= 1);
    await waitFor('the next', async () => (await failedProbes(second, made.id)) > before);
    assert.ok(receiver.received.length - sent <= 2, `${receiver.received.length - sent} requests`);
    down.state.down = false;
    const none = async (): Promise<boolean> => (await second.pending(made.accountId)).length === 0;
    await waitFor('all', none, 30_000);
  });

  it('waits for its probe, paused or not; but another URL is tried at once', async () => {
    await using running = await RunningCore.open({ env: ENV });
    await using receiver = await Receiver.start();
    const account = await running.store.createAccount('one');
    const moves = await add(running, aWebhook(account, { url: `${receiver.url}/old` }));
    const stays = await add(running, aWebhook(account, { url: `${receiver.url}/stays` }));
    const other = await add(running, aWebhook(account, { url: `${receiver.url}/other` }));
    for (const webhook of [moves, stays]) await openUntil(running, webhook, Date.now() + MINUTE);
    await running.core.start();
    await running.core.intake.accept(events(account, 20));
    await waitFor('the other one', () => receiver.at('/other').length === 20);
    await running.webhooks.pause(account, stays.id);
    await running.webhooks.resume(account, stays.id);
    await running.webhooks.update(account, moves.id, { url: `${receiver.url}/new` });
    await waitFor('the new URL', () => receiver.at('/new').length === 21);
    assert.equal(await failing(running, moves.id), undefined);
    await running.core.intake.accept(events(account, 1));
    await waitFor('one more', () => receiver.at('/other').length === 21);
    assert.deepEqual([receiver.at('/old').length, receiver.at('/stays').length], [0, 0]);
    assert.ok((await failing(running, stays.id))?.open);
    assert.ok(other.id);
  });

  it('is tried at another URL at once with what was kept for the probe too', async () => {
    await using running = await RunningCore.open({ env: ENV });
    await using receiver = await Receiver.start();
    const account = await running.store.createAccount('one');
    const webhook = await add(running, aWebhook(account, { url: `${receiver.url}/old` }));
    // Nothing else is due: the fresh one is held in memory until the probe.
    await openUntil(running, webhook, Date.now() + MINUTE, Date.now() + 10 * MINUTE);
    await running.core.start();
    await running.core.intake.accept(events(account, 1));
    await running.webhooks.update(account, webhook.id, { url: `${receiver.url}/new` });
    await waitFor('the new URL', () => receiver.at('/new').length === 1);
    assert.equal(receiver.at('/old').length, 0);
  });

  it('is disabled after five days, with what waits canceled, and begins anew when resumed', async () => {
    await using running = await RunningCore.open({ env: { POSTHORN_RETRY_SCHEDULE: '1h' } });
    await using down = await endpoint();
    const { receiver, state } = down;
    const { store } = running;
    const account = await store.createAccount('one');
    const webhook = await add(running, aWebhook(account, { url: receiver.url }));
    const sixDays = Date.now() - LONGEST_FAILING - MINUTE;
    const accountVersion = (await store.account(account)).version;
    const deliveries = [{ webhookId: webhook.id, webhookVersion: webhook.version }];
    const event = anEvent(account);
    await store.commit({ records: [], accepts: [{ event, accountVersion, deliveries }] });
    const [lease] = await store.claimShards([webhook.id % EVERY_SHARD.length]);
    assert.ok(lease);
    const attempt = anAttempt(1, { outcome: 'rejected', url: webhook.url, startedAt: sixDays });
    const key = deliveryOf(event, webhook);
    const exhausted = { ...key, lease, attempt, next: { status: 'exhausted' } as const };
    await store.commit({ records: [exhausted], accepts: [] });
    await running.core.start();
    await running.core.intake.accept(events(account, 1));
    const shown = async () => (await store.webhook(account, webhook.id))?.webhook;
    await waitFor('disabled', async () => (await shown())?.status === 'disabled');
    assert.equal((await shown())?.disabledReason, FAILED_FOR_TOO_LONG);
    await waitFor('canceled', async () => (await running.pending(account)).length === 0);
    state.down = false;
    await running.webhooks.resume(account, webhook.id);
    await running.core.intake.accept(events(account, 1));
    await waitFor('sent again', () => receiver.received.some(({ status }) => status === 200));
    assert.equal((await shown())?.status, 'active');
  });
});
