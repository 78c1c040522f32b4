import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Outcome } from '../../src/domain/attempt.ts';
import { FAILURES_TO_OPEN } from '../../src/domain/breaker.ts';
import type { PendingDelivery } from '../../src/domain/delivery.ts';
import { Lane } from '../../src/engine/lane.ts';
import { Memory } from '../../src/engine/memory.ts';
import { anAttempt, newEventId } from '../contract/examples.ts';
import { webhook } from './lane-material.ts';

const SLOTS = 16;

function delivery(): PendingDelivery {
  return {
    accountId: 1,
    eventId: newEventId(),
    webhookId: 1,
    webhookVersion: 1,
    attemptCount: 0,
    nextAttemptAt: 1,
    createdAt: 1,
    eventType: 'SENT',
    body: '{}',
  };
}

function end(lane: Lane, of: PendingDelivery, outcome: Outcome, url = lane.webhook.url) {
  const attempt = anAttempt(1, { outcome, url, startedAt: Date.now() });
  const next = { status: 'pending', nextAttemptAt: 1 } as const;
  return lane.breaker.ended(of, attempt, next, { url: lane.webhook.url, random: 0.5 });
}

function openLane(): Lane {
  const lane = new Lane(webhook(1), SLOTS, new Memory());
  for (let i = 1; i < FAILURES_TO_OPEN; i += 1) {
    assert.equal(end(lane, delivery(), 'rejected'), undefined);
  }
  const mark = end(lane, delivery(), 'timed_out');
  assert.equal(mark?.announce, 'WEBHOOK_FAILING');
  assert.ok(mark.open);
  return lane;
}

describe('a lane whose breaker opens', () => {
  it('keeps one delivery for the probe, and leaves the others to the store', () => {
    const lane = openLane();
    const fresh = new Lane(webhook(1), SLOTS, new Memory());
    for (let i = 0; i < 5; i += 1) fresh.offer(delivery(), 1);
    assert.equal(fresh.waiting, 5);
    for (let i = 0; i < FAILURES_TO_OPEN; i += 1) end(fresh, delivery(), 'rejected');
    fresh.opened();
    assert.deepEqual([fresh.waiting, fresh.dueOnDisk, fresh.room], [1, 1, 0]);
    assert.equal(fresh.runnable, false);
    assert.ok(fresh.sendableInMs > 0);
    assert.ok(lane.readAt > Date.now());
  });

  it('lets one probe through, and waits for its end however long that takes', () => {
    const lane = openLane();
    lane.breaker.takeOver({
      since: 1,
      failures: 10,
      exhausted: false,
      open: { probeAt: 1, failedProbes: 3 },
    });
    for (const each of [delivery(), delivery()]) lane.offer(each, 0);
    assert.equal(lane.runnable, true);
    const probe = lane.take(Date.now());
    assert.ok(probe);
    lane.offer(delivery(), 0);
    assert.deepEqual([lane.runnable, lane.sendableInMs], [false, Number.POSITIVE_INFINITY]);
    assert.equal(lane.readAt, Number.POSITIVE_INFINITY);
    assert.equal(end(lane, delivery(), 'rejected'), undefined, 'was under way before');
    assert.equal(lane.readAt, Number.POSITIVE_INFINITY);
    assert.equal(end(lane, probe, 'rejected')?.open?.failedProbes, 4);
    assert.notEqual(lane.readAt, Number.POSITIVE_INFINITY);
  });

  it('sends at once what a person has retried, beside the probe and before it', () => {
    const lane = openLane();
    const [waits, first, second] = [delivery(), delivery(), delivery()];
    lane.offer(waits, 0);
    assert.equal(lane.runnable, false);
    lane.ask(first.eventId);
    lane.ask(second.eventId);
    assert.deepEqual([lane.readAt, lane.hungry], [0, true]);
    assert.deepEqual(lane.beginReading(), { retried: [first.eventId, second.eventId] });
    assert.equal(lane.hungry, false);
    lane.endReadingRetried([first, second]);
    assert.equal(lane.runnable, true);
    assert.deepEqual([lane.take(1), lane.take(1)], [first, second]);
    assert.equal(lane.runnable, false, 'two at once is what it has earned');
    const before = lane.sendableInMs;
    for (const each of [first, second]) {
      assert.equal(end(lane, each, 'rejected'), undefined, 'the next probe stays where it was');
      lane.completed(false, 1);
      lane.release(each);
    }
    assert.equal(before, Number.POSITIVE_INFINITY);
    assert.ok(lane.sendableInMs > 0 && lane.sendableInMs < 2_000, `${lane.sendableInMs}`);
    assert.equal(lane.waiting, 1);
  });

  it('closes with any success at its URL, which is told once', () => {
    const lane = openLane();
    assert.equal(end(lane, delivery(), 'delivered', 'https://example.com/elsewhere'), undefined);
    assert.equal(lane.breaker.isOpen, true);
    assert.deepEqual(end(lane, delivery(), 'delivered'), { announce: 'WEBHOOK_RECOVERED' });
    assert.equal(end(lane, delivery(), 'delivered'), undefined);
    assert.equal(lane.breaker.isFailing, false);
  });

  it('begins anew when it was disabled, and not when it was paused', () => {
    for (const [status, failing] of [
      ['paused', true],
      ['disabled', false],
      ['deleted', false],
    ] as const) {
      const lane = openLane();
      const disabledReason = status === 'disabled' ? 'gone' : null;
      lane.webhook = { ...lane.webhook, status, disabledReason, version: 2 };
      lane.webhook = { ...lane.webhook, status: 'active', disabledReason: null, version: 3 };
      assert.equal(lane.breaker.isFailing, failing, status);
    }
  });
});
