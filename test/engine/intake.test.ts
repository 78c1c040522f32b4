import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  acceptOne,
  addWebhook,
  newEvent,
  newEvents,
  openStore,
  startCore,
  storeWebhook,
} from './core-scene.ts';

/** A core that sends nothing, over an account whose webhooks it has in memory already. */
async function scene() {
  const opened = await openStore();
  const { store } = opened;
  const account = await store.createAccount('one');
  const engine = startCore(store, {});
  const { core } = engine;
  // The core is not started, so it owns no shard: what is accepted stays where it is.
  const first = await addWebhook(store, core, account, 'http://127.0.0.1:9/first');
  const accepted = await acceptOne(core, newEvent(account));
  assert.equal(accepted.deliveries, 1);
  return {
    store,
    core,
    account,
    first,
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    },
  };
}

describe('an event that was matched while its account changed', () => {
  it('is matched again, so that a webhook made meanwhile gets it', async () => {
    await using at = await scene();
    await storeWebhook(at.store, at.account, 'http://127.0.0.1:9/second');
    const accepted = await at.core.intake.accept(newEvents(at.account, 3));
    assert.deepEqual(
      accepted.map((each) => 'deliveries' in each && each.deliveries),
      [2, 2, 2],
    );
  });

  it('is matched again, so that one deleted meanwhile leaves no delivery behind', async () => {
    await using at = await scene();
    await at.store.deleteWebhook(at.account, at.first.id);
    const accepted = await acceptOne(at.core, newEvent(at.account));
    assert.equal(accepted.deliveries, 0);
    const found = await at.store.deliveries(
      at.account,
      { eventId: accepted.id },
      { limit: 1, cursor: null },
    );
    assert.deepEqual(found.items, []);
  });

  it('is matched again, so that the client its campaign got meanwhile counts', async () => {
    await using at = await scene();
    const fields = { name: null, clientId: 7, status: null };
    await at.store.declareCampaign(at.account, 1, fields);
    const accepted = await acceptOne(at.core, newEvent(at.account));
    assert.equal((await at.store.event(at.account, accepted.id))?.clientId, 7);
  });
});
