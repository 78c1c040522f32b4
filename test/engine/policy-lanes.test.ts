import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PendingDelivery } from '../../src/domain/delivery.ts';
import { SHARD_COUNT } from '../../src/domain/shard.ts';
import { Lane } from '../../src/engine/lane.ts';
import { Lanes } from '../../src/engine/lanes.ts';
import { Memory } from '../../src/engine/memory.ts';
import { delivery, webhook } from './lane-material.ts';

const SLOTS = 8;
const EVERY_SHARD = Array.from({ length: SHARD_COUNT }, (_, shard) => ({ shard, epoch: 1 }));
/** So slow that no test takes as long. */
const HOURLY = 1 / 3_600;
const HOUR = 3_600_000;

function keyed(orderingKey: string): PendingDelivery {
  return { ...delivery(1), orderingKey };
}

describe('a lane with a rate limit', () => {
  it('sends nothing in the first gap after its shard has come, and then one in each', () => {
    const limited = { ...webhook(1), rateLimit: HOURLY };
    for (const [since, may] of [
      [Date.now(), false],
      [Date.now() - HOUR - 1, true],
    ] as const) {
      const lanes = new Lanes(SLOTS);
      lanes.own(EVERY_SHARD, since);
      const lane = lanes.of(limited);
      assert.ok(lane);
      for (let i = 0; i < 3; i += 1) lane.offer(delivery(1), Date.now());
      assert.equal(lane.runnable, may);
      assert.equal(lane.sendableInMs > 0, !may);
      if (!may) continue;
      assert.ok(lane.take(Date.now()));
      assert.ok(!lane.runnable && lane.sendableInMs > HOUR / 2);
    }
  });

  it('begins with a gap again where its shard has been away: another may have sent', (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 10 * HOUR });
    const lanes = new Lanes(SLOTS);
    lanes.own(EVERY_SHARD, 0);
    const lane = lanes.of({ ...webhook(1), rateLimit: HOURLY });
    assert.ok(lane);
    lane.offer(delivery(1), Date.now());
    // In flight, so that the lane is kept.
    assert.ok(lane.runnable && lane.take(Date.now()));
    t.mock.timers.tick(2 * HOUR);
    lane.offer(delivery(1), Date.now());
    assert.ok(lane.runnable);
    lanes.disown([1]);
    lanes.own(EVERY_SHARD, Date.now());
    lane.offer(delivery(1), Date.now());
    assert.equal(lane.sendableInMs, HOUR);
  });

  it('never both waits and may go: it looks at the clock once', (t) => {
    let now = 10 * HOUR;
    t.mock.method(Date, 'now', () => (now += 1));
    const lane = new Lane({ ...webhook(1), rateLimit: 1 / 3.6 }, SLOTS, new Memory());
    for (let i = 0; i < 2; i += 1) lane.offer(delivery(1), now);
    lane.startPace(now);
    const gap = HOUR / 1_000;
    for (let passed = 1; passed <= gap; passed += 1) {
      assert.equal(lane.sendableInMs, gap - passed);
    }
  });

  it('is let go when its limit is taken away, and held when one is set', () => {
    const lane = new Lane(webhook(1), SLOTS, new Memory());
    lane.offer(delivery(1), Date.now());
    assert.ok(lane.runnable && lane.isMoving(0));
    lane.webhook = { ...webhook(1), rateLimit: HOURLY };
    assert.ok(!lane.runnable && lane.sendableInMs > HOUR / 2);
    assert.ok(!lane.isMoving(0), 'what waits for its pace delays no caller');
    lane.webhook = webhook(1);
    assert.ok(lane.runnable && lane.sendableInMs === 0);
  });
});

describe('a lane with a limit of concurrency', () => {
  it('has so many slots at most, from its first one on, and when that is changed', () => {
    const lane = new Lane({ ...webhook(1), concurrency: 1 }, SLOTS, new Memory());
    for (let i = 0; i < 20; i += 1) lane.offer(delivery(1), Date.now());
    const takeAll = (): number => {
      while (lane.runnable) lane.take(Date.now());
      return lane.inFlight;
    };
    assert.equal(takeAll(), 1);
    lane.completed(false, Date.now());
    assert.equal(takeAll(), 1);
    lane.webhook = { ...webhook(1), concurrency: 3 };
    for (let i = 0; i < 5; i += 1) {
      lane.completed(false, Date.now());
      takeAll();
    }
    assert.equal(lane.inFlight, 3);
    lane.webhook = { ...webhook(1), concurrency: 2 };
    lane.completed(false, Date.now());
    assert.equal(takeAll(), 2);
  });

  it('never has more than the server allows', () => {
    const lane = new Lane({ ...webhook(1), concurrency: 64 }, 1, new Memory());
    for (let i = 0; i < 3; i += 1) lane.offer(delivery(1), Date.now());
    assert.ok(lane.take(Date.now()));
    assert.ok(!lane.runnable);
  });
});

describe('a lane that keeps leads in order', () => {
  const inOrder = { ...webhook(1), ordering: 'lead' as const };

  it('takes nothing in that is fresh: an earlier one of its lead may be in the store', () => {
    const lane = new Lane(inOrder, SLOTS, new Memory());
    const fresh = delivery(1);
    lane.offer(fresh, Date.now());
    assert.deepEqual([lane.waiting, lane.dueOnDisk], [0, fresh.nextAttemptAt]);
  });

  it('asks for leads that it does not hold, after the last one it got, until they are let go of', () => {
    const lane = new Lane(inOrder, SLOTS, new Memory());
    assert.partialDeepStrictEqual(lane.beginReading(), { exceptKeys: [], after: null });
    const [a, b] = [keyed('a'), keyed('b')];
    lane.endReading([a, b], Number.POSITIVE_INFINITY);
    assert.partialDeepStrictEqual(lane.beginReading(), { exceptKeys: ['a', 'b'], after: 'b' });
    lane.endReading([], Number.POSITIVE_INFINITY);
    assert.equal(lane.take(Date.now()), a);
    lane.completed(false, Date.now());
    assert.partialDeepStrictEqual(lane.beginReading(), { exceptKeys: ['a', 'b'], after: null });
    lane.endReading([], Number.POSITIVE_INFINITY);
    lane.release(a);
    assert.partialDeepStrictEqual(lane.beginReading(), { exceptKeys: ['b'] });
  });

  it('drops what it chose by the other rule when that is changed', () => {
    const lane = new Lane(webhook(1), SLOTS, new Memory());
    lane.offer(delivery(1), Date.now());
    lane.webhook = inOrder;
    assert.deepEqual([lane.waiting, lane.rows, lane.dueOnDisk], [0, 0, 0]);
    lane.beginReading();
    lane.endReading([keyed('a')], Number.POSITIVE_INFINITY);
    lane.webhook = webhook(1);
    assert.deepEqual([lane.waiting, lane.rows, lane.dueOnDisk], [0, 0, 0]);
    assert.ok('except' in lane.beginReading());
    lane.webhook = inOrder;
    lane.endReading([delivery(1)], Number.POSITIVE_INFINITY);
    assert.deepEqual([lane.waiting, lane.dueOnDisk], [0, 0], 'a page of the other rule');
  });
});
