import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventIdMaker, type EventId } from '../../src/domain/ids.ts';
import { CommitLoop } from '../../src/store/commit-loop.ts';
import type { AcceptEntry } from '../../src/store/store.ts';
import { answer, Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { addWebhook, newEvent, newEvents, openStore, startCore } from './core-scene.ts';
import { accepting } from './settled.ts';

describe('dispatching', () => {
  it('does not let an account with a great backlog hold up another one', async () => {
    await using opened = await openStore();
    const { store } = opened;
    await using engine = startCore(store, { POSTHORN_CONCURRENCY: '4' });
    const { core } = engine;
    await using receiver = await Receiver.start((r, response) => answer(r, response, 200, 2));
    const [big, small] = [await store.createAccount('big'), await store.createAccount('small')];
    await core.start();
    for (let i = 0; i < 60; i += 1) await addWebhook(store, core, big, `${receiver.url}/big/${i}`);
    await addWebhook(store, core, small, `${receiver.url}/small`);
    await core.intake.accept(newEvents(big, 50));
    const before = receiver.received.length;
    await core.intake.accept([newEvent(small)]);
    await waitFor('the small account', () => receiver.at('/small').length === 1);
    const position = receiver.received.findIndex(({ path }) => path === '/small');
    assert.ok(
      position - before < 300,
      `its delivery came after ${position - before} of the 3,000 that waited`,
    );
  });

  it('reads back a backlog larger than its memory, each delivery once', async () => {
    await using opened = await openStore();
    const { store } = opened;
    await using engine = startCore(store, { POSTHORN_WEBHOOK_CONCURRENCY: '2' });
    const { core } = engine;
    await using receiver = await Receiver.start();
    const account = await store.createAccount('one');
    await core.start();
    await addWebhook(store, core, account, `${receiver.url}/only`);
    for (let i = 0; i < 3; i += 1) {
      await core.intake.accept(newEvents(account, 1_000));
    }
    await waitFor('all', () => receiver.received.length >= 3_000, 60_000);
    await core.stopSending();
    await core.stop();
    const ids = receiver.received.map((r) => r.headers['webhook-id']);
    assert.equal(new Set(ids).size, 3_000);
    assert.equal(ids.length, 3_000);
    const pending = await store.deliveries(
      account,
      { status: 'pending' },
      { limit: 1, cursor: null },
    );
    assert.deepEqual(pending.items, []);
  });
});

describe('the commit loop', () => {
  it('does not let one bad event fail those that share its commit', async () => {
    await using opened = await openStore();
    const { store } = opened;
    const accountId = await store.createAccount('one');
    const { version } = await store.account(accountId);
    const newEventId = eventIdMaker();
    const entry = (id: EventId): AcceptEntry => ({
      event: { ...newEvent(accountId), id },
      accountVersion: version,
      deliveries: [],
    });
    const loop = new CommitLoop(store, {
      accepted: () => undefined,
      disabled: () => undefined,
      refused: () => undefined,
      unavailable: (error) => assert.fail(String(error)),
      available: () => undefined,
      broken: (error) => assert.fail(String(error)),
    });
    const ids = Array.from({ length: 40 }, newEventId);
    const calls = ids.map((id, i) => accepting(loop, entry(i === 17 ? 'evt_0123' : id)));
    const endings = (await Promise.all(calls)).map((ending) => ending.kind);
    assert.deepEqual(
      endings,
      ids.map((_, i) => (i === 17 ? 'not_stored' : 'accepted')),
    );
    for (const [i, id] of ids.entries()) {
      assert.equal((await store.event(accountId, id)) !== undefined, i !== 17);
    }
  });
});
