import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fifo } from '../../src/engine/fifo.ts';
import { Lane } from '../../src/engine/lane.ts';
import { Memory } from '../../src/engine/memory.ts';
import { Turns } from '../../src/engine/turns.ts';
import { delivery, webhook } from './lane-material.ts';

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
      for (; lane.runnable; sent += 1) lane.take(1);
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
    offerMany(lane, 200);
    assert.equal(lane.rows, 128);
    assert.equal(lane.dueOnDisk, 0, 'what is not held is due on disk');
    offerMany(lane, 1);
    assert.equal(lane.rows, 128, 'a fresh one does not overtake those on disk');
  });

  it('reads less at once than it may hold, and no more than there is room for', () => {
    const lane = new Lane(webhook(1), 64, new Memory());
    const limit = (): unknown => {
      const page = lane.beginReading();
      lane.endReading([], Number.POSITIVE_INFINITY);
      return 'limit' in page && page.limit;
    };
    assert.equal(limit(), 32);
    offerMany(lane, 120);
    assert.equal(limit(), 8);
  });

  it('lets no more fresh ones than a page brings before the page that it reads', () => {
    const lane = new Lane(webhook(1), 64, new Memory());
    lane.beginReading();
    offerMany(lane, 100);
    assert.equal(lane.rows, 32);
    assert.equal(lane.dueOnDisk, 0, 'the others are due on disk');
    lane.endReading([delivery(1)], Number.POSITIVE_INFINITY);
    assert.equal(lane.rows, 33);
    assert.equal(lane.dueOnDisk, 0, 'also when the page was read');
  });

  it('takes in nothing twice, nor what ended while a page was read', () => {
    const lane = new Lane(webhook(1), 64, new Memory());
    const [held, ended, fresh] = [delivery(1), delivery(1), delivery(1)];
    lane.offer(held, 1);
    lane.offer(ended, 1);
    assert.equal(lane.take(1), held);
    assert.equal(lane.take(1), ended);
    lane.beginReading();
    lane.completed(false, 1);
    lane.release(ended);
    lane.endReading([held, ended, fresh], Number.POSITIVE_INFINITY);
    assert.equal(lane.take(1), fresh);
    assert.equal(lane.take(1), undefined);
  });

  it('takes in nothing twice that a page has brought before its commit was answered', () => {
    const memory = new Memory();
    const lane = new Lane(webhook(1), 64, memory);
    const fresh = delivery(1);
    lane.beginReading();
    lane.endReading([fresh], Number.POSITIVE_INFINITY);
    lane.offer(fresh, 1);
    assert.equal(lane.waiting, 1);
    assert.equal(lane.size, fresh.body.length);
    assert.equal(lane.take(1), fresh);
    lane.offer(fresh, 1);
    assert.equal(lane.take(1), undefined, 'nor while it is in flight');
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
  for (const [what, size] of [
    ['small', 10],
    ['large', 200_000],
  ] as const) {
    it(`holds no more than its bound, however many lanes have ${what} bodies`, () => {
      const memory = new Memory();
      const lanes = Array.from({ length: 2_000 }, (_, i) => new Lane(webhook(i), 64, memory));
      for (const lane of lanes) offerMany(lane, 32, size);
      const rows = lanes.reduce((sum, lane) => sum + lane.rows, 0);
      const held = lanes.reduce((sum, lane) => sum + lane.size, 0);
      // One more for each of those who came when it was full, up to twice the bound.
      assert.ok(rows > 0 && rows <= 20_000 + lanes.length, `${rows} rows`);
      assert.ok(held <= 2 * 32 * 1024 * 1024 + size, `${held} characters`);
    });
  }

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
