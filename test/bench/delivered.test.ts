import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deliveredIn } from '../../bench/delivered.ts';

const WINDOW = { from: 1_000, to: 3_000 };

/** So many deliveries, spread evenly over a time. */
function evenly(count: number, from: number, to: number): number[] {
  return Array.from({ length: count }, (_, i) => from + ((i + 1) * (to - from)) / (count + 1));
}

describe('What a receiver saw of a load', () => {
  it('counts what came in the window, and what waited at its end', () => {
    const receivedAt = [...evenly(10, 0, 1_000), 0, ...evenly(40, 1_000, 3_000), 4_000];
    const seen = deliveredIn(receivedAt, WINDOW, { acceptedInWindow: 60, acceptedByEnd: 80 });
    assert.equal(seen.inWindow, 20);
    assert.equal(seen.waiting, 30 / 80);
    assert.equal(seen.drainMs, 1_000);
  });

  it('is balanced at the rate at which accepting leaves nothing behind', () => {
    // Accepts 30 and delivers 20 a second; 60 a second when it accepts nothing: of seven seconds it
    // takes six for both and one for what that left.
    const receivedAt = [...evenly(40, 1_000, 3_000), ...evenly(59, 3_000, 4_000), 4_000];
    const seen = deliveredIn(receivedAt, WINDOW, { acceptedInWindow: 60, acceptedByEnd: 100 });
    assert.ok(Math.abs(seen.balanced - (30 * 6) / 7) < 1e-9);
  });

  it('is balanced as it is where as much is delivered as accepted', () => {
    const receivedAt = evenly(40, 1_000, 3_000);
    const seen = deliveredIn(receivedAt, WINDOW, { acceptedInWindow: 40, acceptedByEnd: 40 });
    assert.equal(seen.balanced, 20);
    assert.equal(seen.waiting, 0);
    assert.equal(seen.drainMs, 0);
  });

  it('tells of an event that is delivered before its answer that nothing waits', () => {
    const seen = deliveredIn([2_000, 2_500], WINDOW, { acceptedInWindow: 1, acceptedByEnd: 1 });
    assert.equal(seen.waiting, 0);
  });
});
