import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NO_ATTEMPTS_LEFT } from '../../src/domain/announcement.ts';
import { OPERATIONAL_EVENT_TYPES } from '../../src/domain/event.ts';
import { deliveryId } from '../../src/domain/ids.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { aWebhook } from '../contract/examples.ts';
import { answer, Receiver, type Received } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { event, events, RunningCore } from './running-core.ts';

const WATCHES = Object.fromEntries(OPERATIONAL_EVENT_TYPES.map((type) => [type, true]));

type Body = Readonly<Record<string, unknown>>;

function bodies(received: readonly Received[]): Body[] {
  return received.map(({ body }) => JSON.parse(body) as Body);
}

/** How often each type came, about whom. */
function told(received: readonly Received[]): string[] {
  return bodies(received)
    .map((body) => `${String(body['event_type'])} ${String(body['webhook_id'])}`)
    .toSorted();
}

describe('operational events', () => {
  it('come once each: failing, recovered, disabled, and what was given up on', async () => {
    await using running = await RunningCore.start();
    let status = 500;
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, received.path === '/watch' ? 200 : status),
    );
    const { store, webhooks, core } = running;
    const account = await store.createAccount('one');
    const add = async (path: string, more: Parameters<typeof aWebhook>[1] = {}) =>
      (await webhooks.create(aWebhook(account, { url: receiver.url + path, ...more }), true))
        .webhook;
    const ill = await add('/ill', { name: 'Ill', retrySchedule: [60_000] });
    const once = await add('/once', { retrySchedule: [], association: 3, targetId: 7 });
    await add('/watch', { eventTypeMap: WATCHES });
    const watched = (): Received[] => receiver.at('/watch');

    const [accepted] = await core.intake.accept([event(account, { campaignId: 7, clientId: 4 })]);
    assert.ok(accepted && 'id' in accepted);
    await waitFor('exhausted', () => watched().length === 1);
    const [exhausted] = bodies(watched());
    const seed = ['lead_email', 'lead_first_name', 'lead_last_name', 'email_account', 'subject'];
    assert.deepEqual(exhausted, {
      event_type: 'DELIVERY_EXHAUSTED',
      campaign_id: 7,
      ...Object.fromEntries([...seed, 'message', 'category_id'].map((name) => [name, null])),
      timestamp: exhausted?.['timestamp'],
      webhook_id: once.id,
      reason: NO_ATTEMPTS_LEFT,
      delivery_id: deliveryId({ eventId: accepted.id, webhookId: once.id }),
      event_id: accepted.id,
      exhausted_event_type: 'SENT',
      attempt_count: 1,
    });

    await core.intake.accept(events(account, 12));
    await waitFor('failing', () => told(watched()).includes(`WEBHOOK_FAILING ${ill.id}`));
    const failing = bodies(watched()).find((body) => body['event_type'] === 'WEBHOOK_FAILING');
    assert.deepEqual([failing?.['campaign_id'], failing?.['webhook_name']], [null, 'Ill']);
    status = 200;
    // What has failed is due in a minute: this is the probe.
    await core.intake.accept(events(account, 1));
    await waitFor('recovered', () => told(watched()).includes(`WEBHOOK_RECOVERED ${ill.id}`));
    status = 410;
    await core.intake.accept(events(account, 3));
    await waitFor('disabled', () => told(watched()).includes(`WEBHOOK_DISABLED ${ill.id}`));
    await waitFor('nothing more', async () => (await store.announcements(0, 1)).length === 0);
    await waitFor('all sent', async () => {
      const found = await store.deliveries(
        account,
        { status: 'pending' },
        { limit: 9, cursor: null },
      );
      return found.items.length === 0;
    });
    assert.deepEqual(told(watched()), [
      `DELIVERY_EXHAUSTED ${once.id}`,
      `WEBHOOK_DISABLED ${ill.id}`,
      `WEBHOOK_FAILING ${ill.id}`,
      `WEBHOOK_RECOVERED ${ill.id}`,
    ]);
    assert.equal(
      receiver.at('/ill').some(({ body }) => body.includes('WEBHOOK_')),
      false,
    );
  });

  it('are not about the webhook that gets them, and not made of themselves', async () => {
    await using running = await RunningCore.start();
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, 500),
    );
    const { store, webhooks, core } = running;
    const account = await store.createAccount('one');
    const url = (path: string): string => receiver.url + path;
    const eventTypeMap = { SENT: true, DELIVERY_EXHAUSTED: true };
    const more = { eventTypeMap, retrySchedule: [] };
    for (const path of ['/a', '/b']) {
      await webhooks.create(aWebhook(account, { url: url(path), ...more }), true);
    }
    await core.intake.accept(events(account, 1));
    await waitFor('each about the other', () => receiver.received.length === 4);
    await waitFor('nothing more', async () => (await store.announcements(0, 1)).length === 0);
    // A later delivery has come: what came before it would have.
    await core.intake.accept(events(account, 1));
    await waitFor('again', () => receiver.received.length >= 8);
    await waitFor('nothing more', async () => (await store.announcements(0, 1)).length === 0);
    assert.equal(receiver.received.length, 8);
    const page = { limit: 100, cursor: null };
    const stored = await store.events(account, { type: 'DELIVERY_EXHAUSTED' }, page);
    assert.equal(stored.items.length, 4, 'of two events, to each of two webhooks');
    for (const { id } of stored.items) {
      const then = await store.webhooksThen(account, id, page);
      const about = then?.event.aboutWebhookId;
      const got = then?.webhooks.items.filter(({ hasDelivery }) => hasDelivery).map((w) => w.id);
      assert.equal(got?.length, 1);
      assert.notEqual(got?.[0], about);
    }
  });

  it('are no events where nobody wants them', async () => {
    await using running = await RunningCore.start();
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, 500),
    );
    const { store, webhooks, core } = running;
    const account = await store.createAccount('one');
    const given = aWebhook(account, { url: receiver.url, retrySchedule: [] });
    await webhooks.create(given, true);
    await core.intake.accept(events(account, 3));
    await waitFor('announced', () => receiver.received.length === 3);
    await waitFor('dropped', async () => {
      const page = { limit: 9, cursor: null };
      const ended = await store.deliveries(account, { status: 'exhausted' }, page);
      return ended.items.length === 3 && (await store.announcements(0, 1)).length === 0;
    });
    const found = await store.events(account, {}, { limit: 9, cursor: null });
    assert.deepEqual(
      found.items.map(({ type }) => type),
      ['SENT', 'SENT', 'SENT'],
    );
  });

  it('are made later where the store was away, and by whoever starts after a crash', async () => {
    const away = { is: true, open: () => void (away.is = false) };
    await using running = await RunningCore.start({
      gates: [away],
      around: (store) => ({
        announce: (...of: Parameters<typeof store.announce>) =>
          away.is ? Promise.reject(new StoreUnavailable('away')) : store.announce(...of),
      }),
    });
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, received.path === '/watch' ? 200 : 500),
    );
    const { store, webhooks, core } = running;
    const account = await store.createAccount('one');
    const url = (path: string): string => receiver.url + path;
    await webhooks.create(aWebhook(account, { url: url('/a'), retrySchedule: [] }), true);
    const eventTypeMap = { DELIVERY_EXHAUSTED: true };
    await webhooks.create(aWebhook(account, { url: url('/watch'), eventTypeMap }), true);
    await core.intake.accept(events(account, 2));
    await waitFor('tried', () => running.logged('task.failed').length > 0);
    assert.equal(receiver.at('/watch').length, 0);
    away.is = false;
    await waitFor('told', () => receiver.at('/watch').length === 2, 20_000);
  });
});
