import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PendingDelivery } from '../../src/domain/delivery.ts';
import { eventIdMaker } from '../../src/domain/ids.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { Fifo } from '../../src/engine/fifo.ts';
import { Lane } from '../../src/engine/lane.ts';
import { Memory } from '../../src/engine/memory.ts';
import { Turns } from '../../src/engine/turns.ts';

const newEventId = eventIdMaker();

function webhook(id: number, accountId = 1): Webhook {
  return {
    id,
    accountId,
    association: 1,
    targetId: null,
    name: null,
    url: 'https://example.com/',
    eventTypeMap: null,
    categoryIdMap: null,
    webhookType: null,
    secret: 'whsec_AAAA',
    status: 'active',
    disabledReason: null,
    version: 1,
    createdAt: 0,
    updatedAt: 0,
  };
}

function delivery(webhookId: number, size = 10): PendingDelivery {
  return {
    accountId: 1,
    eventId: newEventId(),
    webhookId,
    webhookVersion: 1,
    attemptCount: 0,
    nextAttemptAt: 0,
    eventType: 'SENT',
    body: 'x'.repeat(size),
  };
}

function offerMany(lane: Lane, count: number, size?: number): void {
  for (let i = 0; i < count; i += 1) lane.offer(delivery(lane.webhook.id, size), 1);
}

describe('turns', () => {
  it('go round the accounts, and in an account round its lanes', () => {
    const turns = new Turns();
    const memory = new Memory();
    const big = Array.from({ length: 1_000 }, (_, i) => new Lane(webhook(i + 1, 1), 4, memory));
    const small = new Lane(webhook(5_000, 2), 4, memory);
    for (const lane of big) turns.add(lane);
    turns.add(small);
    const order = [turns.next(), turns.next(), turns.next(), turns.next()];
    assert.deepEqual(
      order.map((lane) => lane?.webhook.id),
      [1, 5_000, 2, 3],
      'an account with 1,000 webhooks does not come before one with a single webhook twice',
    );
    assert.equal(turns.size, 997);
  });

  it('hold a lane once, however often it is put in', () => {
    const turns = new Turns();
    const lane = new Lane(webhook(1), 4, new Memory());
    turns.add(lane);
    turns.add(lane);
    assert.equal(turns.next(), lane);
    assert.equal(turns.next(), undefined);
  });
});

describe('a lane', () => {
  it('earns slots by answers and loses half by each timeout, down to one', () => {
    const lane = new Lane(webhook(1), 16, new Memory());
    const send = (): number => {
      let sent = 0;
      for (; lane.runnable; sent += 1) lane.take();
      return sent;
    };
    offerMany(lane, 32);
    assert.equal(send(), 2, 'an endpoint that has shown nothing gets two');
    lane.completed(false, 1);
    lane.completed(false, 1);
    assert.equal(send(), 4);
    for (let i = 0; i < 4; i += 1) lane.completed(true, 1);
    assert.equal(send(), 1, 'one is left to one that hangs');
  });

  it('leaves to the store what it has no room for, and knows when that is due', () => {
    const lane = new Lane(webhook(1), 64, new Memory());
    offerMany(lane, 100);
    assert.equal(lane.rows, 32);
    assert.equal(lane.dueOnDisk, 0, 'what is not held is due on disk');
    offerMany(lane, 1);
    assert.equal(lane.rows, 32, 'a fresh one does not overtake those on disk');
  });

  it('takes in nothing twice, nor what ended while a page was read', () => {
    const lane = new Lane(webhook(1), 64, new Memory());
    const [held, ended, fresh] = [delivery(1), delivery(1), delivery(1)];
    lane.offer(held, 1);
    lane.offer(ended, 1);
    assert.equal(lane.take(), held);
    assert.equal(lane.take(), ended);
    lane.beginReading();
    lane.completed(false, 1);
    lane.release(ended);
    lane.endReading([held, ended, fresh], Number.POSITIVE_INFINITY);
    assert.equal(lane.take(), fresh);
    assert.equal(lane.take(), undefined);
  });

  it('keeps a retry that was recorded while a page was read', () => {
    const lane = new Lane(webhook(1), 64, new Memory());
    lane.beginReading();
    lane.leftOnDisk(500);
    lane.endReading([], Number.POSITIVE_INFINITY);
    assert.equal(lane.dueOnDisk, 500);
  });

  it('drops all that waits when its webhook is no longer active', () => {
    const memory = new Memory();
    const lane = new Lane(webhook(1), 64, memory);
    offerMany(lane, 10);
    lane.beginReading();
    lane.webhook = { ...webhook(1), status: 'deleted' };
    lane.close();
    lane.endReading([delivery(1)], 0);
    assert.equal(lane.waiting, 0);
    assert.equal(lane.runnable, false);
    assert.equal(lane.dueOnDisk, Number.POSITIVE_INFINITY);
    assert.ok(lane.idle);
  });
});

describe('memory', () => {
  it('leaves room for the next lane, however many hold all they can', () => {
    const memory = new Memory();
    for (let id = 1; id <= 1_000; id += 1) {
      offerMany(new Lane(webhook(id), 64, memory), 40, 30_000);
    }
    const late = new Lane(webhook(5_000), 64, memory);
    offerMany(late, 1, 30_000);
    assert.equal(late.waiting, 1, 'who holds nothing is not shut out');
  });
});

describe('a fifo', () => {
  it('gives back in order what was put in, also after long use and cutting', () => {
    const fifo = new Fifo<number>();
    let next = 0;
    let expected = 0;
    for (let round = 0; round < 200; round += 1) {
      for (let i = 0; i < 7; i += 1) fifo.push(next++);
      for (let i = 0; i < 5; i += 1) assert.equal(fifo.shift(), expected++);
    }
    assert.equal(fifo.length, next - expected);
    const cut = fifo.cutTo(3);
    assert.equal(cut.length, next - expected - 3);
    assert.equal(fifo.shift(), expected);
    assert.equal(cut[0], expected + 3);
  });
});
