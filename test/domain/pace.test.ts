import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { pacedAfter, pacedLater, paceOf, paceWaitMs } from '../../src/domain/pace.ts';

const SECOND = 1_000;
const START = 1_790_000_000_000;

/** Sends as soon as it may, each time late by so much; the times of sending. */
function sentAt(limit: number, lateness: readonly number[]): number[] {
  let pace = paceOf(limit, START);
  let now = START;
  return lateness.map((late) => {
    now += paceWaitMs(pace, now) + late;
    assert.equal(paceWaitMs(pace, now), 0);
    pace = pacedAfter(pace, now);
    return now;
  });
}

function mostInASecond(times: readonly number[]): number {
  return Math.max(
    ...times.map((from, i) => times.slice(i).filter((at) => at < from + SECOND).length),
  );
}

const limits = fc.integer({ min: 1, max: 1_000 });
const late = fc.oneof(
  fc.constant(0),
  fc.double({ min: 0, max: 5, noNaN: true }),
  fc.double({ min: 0, max: 3_000, noNaN: true }),
);

describe('a rate limit', () => {
  it('lets through at most one more than the limit over any second, however late it is asked', () => {
    fc.assert(
      fc.property(limits, fc.array(late, { minLength: 1, maxLength: 200 }), (limit, lateness) => {
        assert.ok(mostInASecond(sentAt(limit, lateness)) <= limit + 1);
      }),
    );
  });

  it('is reached where nothing is late, evenly, and a little lateness costs nothing', () => {
    fc.assert(
      fc.property(limits, fc.double({ min: 0, max: 0.99, noNaN: true }), (limit, part) => {
        const gap = SECOND / limit;
        const late = Math.min(gap / 2, 5) * part;
        const times = sentAt(limit, Array(50).fill(late));
        const wanted = times.map((_, i) => START + (i + 1) * gap + late);
        times.forEach((at, i) => assert.ok(Math.abs(at - (wanted[i] ?? 0)) < 0.01));
      }),
    );
  });

  it('can be put off, up to a gap from now: more would look like a clock that has stepped back', () => {
    const pace = paceOf(10, START);
    assert.equal(paceWaitMs(pacedLater(pace, 30, START + 50), START + 50), 80);
    assert.equal(paceWaitMs(pacedLater(pace, 500, START + 50), START + 50), 100);
  });

  it('begins with a gap: who sent before is not known', () => {
    fc.assert(
      fc.property(limits, (limit) => {
        assert.equal(paceWaitMs(paceOf(limit, START), START), paceOf(limit, START).freeAt - START);
        assert.ok(Math.abs(paceWaitMs(paceOf(limit, START), START) - SECOND / limit) < 0.01);
      }),
    );
  });

  it('does not stand still where the clock steps back', () => {
    const pace = pacedAfter(paceOf(10, START), START + 500);
    assert.equal(paceWaitMs(pace, START - 3_600_000), 0);
  });
});
