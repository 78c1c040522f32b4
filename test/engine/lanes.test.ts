import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { acceptedAt } from '../../src/domain/ids.ts';
import { Lanes } from '../../src/engine/lanes.ts';
import { answer, Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { delivery, webhook } from './lane-material.ts';
import { OneWebhook } from './one-webhook.ts';
import { Gate } from './running-core.ts';

describe('a shard that goes and comes back', () => {
  it('while a page of it is read: the page counts for nothing, and is read again', async () => {
    await using receiver = await Receiver.start();
    const [reached, gate] = [new Gate(), new Gate()];
    let reads = 0;
    const page = async (): Promise<void> => {
      reads += 1;
      if (reads > 1) return;
      reached.open();
      await gate.opened;
    };
    await using one = await OneWebhook.start(receiver.url, { page }, [reached, gate]);
    await one.accept();
    await one.own();
    await reached.opened;
    one.dispatcher.disown([one.shard]);
    const [lease] = await one.own();
    gate.open();
    await waitFor('delivered', () => one.nothingPending());
    assert.ok(one.pages > 1);
    assert.equal(receiver.received.length, 1);
    assert.deepEqual(
      one.records.map((record) => record.lease),
      [lease],
    );
  });

  it('while a page of it is read: what another node has sent meanwhile is not sent again', async () => {
    const [reached, gate, answered] = [new Gate(), new Gate(), new Gate()];
    await using receiver = await Receiver.start((received, response) => {
      void answered.opened.then(() => answer(received, response, 200));
    });
    let reads = 0;
    const page = async (): Promise<void> => {
      reads += 1;
      if (reads !== 2) return;
      reached.open();
      await gate.opened;
    };
    await using one = await OneWebhook.start(receiver.url, { page }, [reached, gate, answered]);
    const first = await one.accept();
    await one.own();
    // In flight all the time: so its lane stays, with the page that it is reading.
    await waitFor('in flight', () => receiver.received.length === 1);
    const second = await one.accept();
    one.tell();
    await reached.opened;
    one.dispatcher.disown([one.shard]);
    await one.deliverElsewhere(second);
    await one.own();
    gate.open();
    await waitFor('read again', () => one.pages > 2);
    answered.open();
    await waitFor('delivered', () => one.nothingPending());
    assert.deepEqual(
      receiver.received.map(({ headers }) => headers['webhook-id']),
      [first, first],
    );
  });

  it('while a page of it is read, and stays away: nothing is sent', async () => {
    await using receiver = await Receiver.start();
    const [reached, gate] = [new Gate(), new Gate()];
    const page = async (): Promise<void> => {
      reached.open();
      await gate.opened;
    };
    await using one = await OneWebhook.start(receiver.url, { page }, [reached, gate]);
    await one.accept();
    await one.own();
    await reached.opened;
    one.dispatcher.disown([one.shard]);
    await one.dispatcher.drained([one.shard]);
    gate.open();
    // Another event's page would have been read by now, if there were one who reads.
    await one.accept();
    for (let turn = 0; turn < 10; turn += 1) await nextTurn();
    await one.dispatcher.stop();
    assert.equal(receiver.received.length, 0);
  });

  it('while an attempt is in flight: it is not made twice at the same time', async () => {
    const answered = new Gate();
    await using receiver = await Receiver.start((received, response) => {
      void answered.opened.then(() => answer(received, response, 200));
    });
    await using one = await OneWebhook.start(receiver.url, {}, [answered]);
    await one.accept();
    const leases = await one.own();
    await waitFor('in flight', () => receiver.received.length === 1);
    one.dispatcher.disown([one.shard]);
    const pages = one.pages;
    // As where giving the shard up failed: it is this node's still.
    one.dispatcher.own(leases);
    await waitFor('read again', () => one.pages > pages);
    answered.open();
    await waitFor('delivered', () => one.nothingPending());
    assert.equal(receiver.received.length, 1);
    assert.equal(one.records.length, 1);
  });

  it('at a new epoch while an attempt is in flight: what could not be recorded is sent again', async () => {
    const answered = new Gate();
    await using receiver = await Receiver.start((received, response) => {
      void answered.opened.then(() => answer(received, response, 200));
    });
    await using one = await OneWebhook.start(receiver.url, {}, [answered]);
    await one.accept();
    const [first] = await one.own();
    await waitFor('in flight', () => receiver.received.length === 1);
    one.dispatcher.disown([one.shard]);
    const pages = one.pages;
    const [second] = await one.own();
    await waitFor('read again', () => one.pages > pages);
    assert.equal(receiver.received.length, 1);
    answered.open();
    await waitFor('delivered', () => one.nothingPending());
    assert.equal(receiver.received.length, 2);
    assert.deepEqual(
      one.records.map((record) => record.lease),
      [first, second],
    );
  });
});

describe('a shard that comes', () => {
  it('while what was accepted here before is on its way: its former owner may have sent it', async () => {
    await using receiver = await Receiver.start();
    await using one = await OneWebhook.start(receiver.url);
    const accepted = await one.accept();
    await waitFor('later', () => Date.now() > acceptedAt(accepted));
    await one.deliverElsewhere(accepted);
    await one.own();
    await one.offer(accepted);
    await one.dispatcher.stop();
    assert.equal(receiver.received.length, 0);
    assert.equal(one.records.length, 0);
  });
});

describe('a shard that is lost', () => {
  it('is sent nothing more from the first record on that is refused', async () => {
    const [first, rest] = [new Gate(), new Gate()];
    await using receiver = await Receiver.start((received, response) => {
      const gate = receiver.received.length <= 2 ? first : rest;
      void gate.opened.then(() => answer(received, response, 200));
    });
    const events = 20;
    await using one = await OneWebhook.start(receiver.url, {}, [first, rest]);
    for (let i = 0; i < events; i += 1) await one.accept();
    await one.own();
    await waitFor('its first slots', () => receiver.received.length === 2);
    // Another one has it from now on; nobody tells.
    await one.store.claimShards([one.shard]);
    first.open();
    await waitFor('both are refused', () => one.records.length === 2);
    await one.accept();
    rest.open();
    await waitFor('so are the others', () => one.records.length === receiver.received.length);
    const refused = one.records.length;
    assert.ok(refused < events / 2, `${refused} were sent`);
    await one.own();
    await waitFor('it has come back', () => one.nothingPending());
    assert.equal(receiver.received.length, events + 1 + refused);
  });
});

describe('a shard that is given up', () => {
  it('is drained when its attempt in flight is on disk, and not before', async () => {
    const [answered, recorded] = [new Gate(), new Gate()];
    await using receiver = await Receiver.start((received, response) => {
      void answered.opened.then(() => answer(received, response, 200));
    });
    const record = (): Promise<void> => recorded.opened;
    await using one = await OneWebhook.start(receiver.url, { record }, [answered, recorded]);
    await one.accept();
    await one.own();
    await waitFor('in flight', () => receiver.received.length === 1);
    one.dispatcher.disown([one.shard]);
    let drained = false;
    const draining = one.dispatcher.drained([one.shard]).finally(() => (drained = true));
    await one.dispatcher.drained([(one.shard + 1) % 64]);
    assert.equal(drained, false, 'another shard has nothing to wait for');
    answered.open();
    await waitFor('its answer', () => one.records.length === 1);
    assert.equal(drained, false);
    recorded.open();
    await draining;
    assert.ok(await one.nothingPending());
  });

  it('sends nothing of what waited in memory', async () => {
    const answered = new Gate();
    await using receiver = await Receiver.start((received, response) => {
      void answered.opened.then(() => answer(received, response, 200));
    });
    await using one = await OneWebhook.start(receiver.url, {}, [answered]);
    for (let i = 0; i < 10; i += 1) await one.accept();
    await one.own();
    await waitFor('its first slots', () => receiver.received.length === 2);
    one.dispatcher.disown([one.shard]);
    answered.open();
    await one.dispatcher.drained([one.shard]);
    assert.equal(receiver.received.length, 2);
    await one.own();
    await waitFor('the rest', () => one.nothingPending());
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    assert.equal(ids.length, 10);
    assert.equal(new Set(ids).size, 10);
  });
});

describe('lanes', () => {
  const lease = { shard: 1, epoch: 1 };

  it('let go of a lane with its shard, but for what it has in flight', async () => {
    const lanes = new Lanes(4);
    lanes.own([lease], 0);
    const [busy, waiting] = [lanes.of(webhook(1)), lanes.of(webhook(65))];
    assert.ok(busy && waiting);
    busy.offer(delivery(1), 1);
    waiting.offer(delivery(65), 1);
    const inFlight = busy.take(1);
    assert.ok(inFlight);
    lanes.disown([1]);
    assert.deepEqual([...lanes.all()], [busy]);
    assert.equal(lanes.of(webhook(1)), undefined);
    const drained = lanes.drained([1]);
    busy.completed(false, 1);
    busy.release(inFlight);
    lanes.released(busy);
    await drained;
    assert.deepEqual([...lanes.all()], []);
  });

  it('are drained where the shard has come back meanwhile: there is nobody to wait for it', async () => {
    const lanes = new Lanes(4);
    lanes.own([lease], 0);
    const lane = lanes.of(webhook(1));
    lane?.offer(delivery(1), 1);
    const inFlight = lane?.take(1);
    assert.ok(lane && inFlight);
    lanes.disown([1]);
    let drained = false;
    void lanes.drained([1]).then(() => (drained = true));
    lanes.own([{ shard: 1, epoch: 2 }], 1);
    lane.completed(false, 1);
    lane.release(inFlight);
    lanes.released(lane);
    await nextTurn();
    assert.equal(drained, true);
    assert.equal(lanes.leaseOf(1)?.epoch, 2);
  });

  it('stay where a lease is lost that is not the one held', () => {
    const lanes = new Lanes(4);
    lanes.own([{ shard: 1, epoch: 2 }], 0);
    lanes.disownLease(lease);
    assert.equal(lanes.leaseOf(1)?.epoch, 2);
    lanes.disownLease({ shard: 1, epoch: 2 });
    assert.equal(lanes.leaseOf(1), undefined);
  });
});
