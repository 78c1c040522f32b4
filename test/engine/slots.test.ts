import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Lane } from '../../src/engine/lane.ts';
import { Memory } from '../../src/engine/memory.ts';
import { Slots } from '../../src/engine/slots.ts';
import { delivery, webhook } from './lane-material.ts';

const TOTAL = 16;
/** From so long without an answer on a lane is suspected. */
const LATER = 1_001;

/** A lane of so many slots with as many deliveries. */
function lane(id: number, accountId = 1): Lane {
  const made = new Lane(webhook(id, accountId), TOTAL, new Memory());
  for (let i = 0; i < 8; i += 1) made.offer(delivery(id), 0);
  return made;
}

function send(slots: Slots, from: Lane, now: number): void {
  const suspect = from.isSuspect(now);
  assert.ok(from.take(now));
  slots.take(from, suspect);
}

function end(slots: Slots, of: Lane, timedOut: boolean, now: number): void {
  of.completed(timedOut, now);
  slots.giveBack(of);
}

describe('the slots', () => {
  it('are for three quarters an account that is alone, and for what is left the next ones', () => {
    const slots = new Slots(TOTAL);
    const held: number[] = [];
    for (let account = 1; account <= 4; account += 1) {
      let own = 0;
      for (; slots.free > 0 && slots.accountMayHaveOne(account); own += 1) {
        send(slots, lane(100 * account + own, account), 0);
      }
      held.push(own);
    }
    assert.deepEqual(held, [12, 3, 1, 0]);
  });

  it('are for half a webhook that is alone, and for half of what is left the next ones', () => {
    const slots = new Slots(TOTAL);
    const held = [1, 2, 3, 4, 5, 6].map((id) => {
      const one = lane(id);
      while (slots.laneMayHaveOne(one)) send(slots, one, 0);
      return one.inFlight;
    });
    assert.deepEqual(held, [8, 4, 2, 1, 1, 0]);
  });

  it('are given to one account again as it gives them back', () => {
    const slots = new Slots(TOTAL);
    const lanes = Array.from({ length: 12 }, (_, i) => lane(i + 1));
    for (const each of lanes) send(slots, each, 0);
    assert.equal(slots.accountMayHaveOne(1), false);
    for (const each of lanes) end(slots, each, false, 1);
    assert.equal(slots.taken, 0);
    assert.equal(slots.accountMayHaveOne(1), true);
  });

  it('go for half to lanes that may be hanging, all together', () => {
    const slots = new Slots(TOTAL);
    for (let id = 1; id <= 7; id += 1) send(slots, lane(id), 0);
    assert.equal(suspectsMayHaveOne(slots, 1), true, 'it shows only with time');
    assert.equal(suspectsMayHaveOne(slots, LATER), true, 'seven of eight');
    const eighth = lane(8);
    end(slots, sent(slots, eighth), true, LATER);
    send(slots, eighth, LATER);
    assert.equal(suspectsMayHaveOne(slots, LATER), false);
  });

  it('are free again when those that hung have ended and are counted anew', () => {
    const slots = new Slots(TOTAL);
    const lanes = Array.from({ length: 12 }, (_, i) => lane(i + 1));
    for (const each of lanes) send(slots, each, 0);
    assert.equal(suspectsMayHaveOne(slots, LATER), false);
    // At the same moment, as requests that began together end.
    for (const each of lanes) end(slots, each, true, LATER);
    assert.equal(suspectsMayHaveOne(slots, LATER + 100), true);
  });
});

function sent(slots: Slots, of: Lane): Lane {
  send(slots, of, 0);
  return of;
}

function suspectsMayHaveOne(slots: Slots, now: number): boolean {
  slots.countSuspected(now);
  return slots.suspectsMayHaveOne;
}
