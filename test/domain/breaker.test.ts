import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  FAILURES_TO_OPEN,
  failingAfter,
  failingElsewhere,
  hasFailedForTooLong,
  LONGEST_FAILING,
  probeWait,
  probeWaitMs,
  type Failing,
} from '../../src/domain/breaker.ts';

const random = fc.double({ min: 0, max: 1, noNaN: true });
const step = fc.record({
  // Seldom, so that rows grow long enough.
  delivered: fc.nat(20).map((n) => n === 0),
  exhausts: fc.boolean(),
  probe: fc.boolean(),
  later: fc.integer({ min: 0, max: 6 * 3_600_000 }),
  random,
});

function rowOf(failures: number, probe: boolean, from: Failing | null = null): Failing | null {
  let failing = from;
  for (let i = 0; i < failures; i += 1) {
    failing = failingAfter(failing, { endedAt: i, exhausts: false, probe }, 0.5);
  }
  return failing;
}

describe('a breaker', () => {
  it('is what its row of failures makes it, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const state: { failing: Failing | null } = { failing: null };
        let now = 1_000;
        let row: { at: number; exhausts: boolean }[] = [];
        for (const { delivered, exhausts, probe, later, random } of steps) {
          now += later;
          const before = state.failing;
          if (delivered) {
            state.failing = null;
            row = [];
            continue;
          }
          row.push({ at: now, exhausts });
          const failing = failingAfter(before, { endedAt: now, exhausts, probe }, random);
          state.failing = failing;
          assert.equal(failing.failures, row.length);
          assert.equal(failing.since, row[0]?.at);
          assert.equal(
            failing.exhausted,
            row.some((each) => each.exhausts),
          );
          assert.equal(
            hasFailedForTooLong(failing, now),
            failing.exhausted && now - failing.since >= LONGEST_FAILING,
          );
          assert.equal(failing.open !== null, row.length >= FAILURES_TO_OPEN, 'open');
          if (before?.open && !probe) assert.equal(failing.open, before.open, 'no probe');
          if (failing.open === null) continue;
          if (before?.open && !probe) continue;
          const { probeAt, failedProbes } = failing.open;
          assert.equal(failedProbes, before?.open ? before.open.failedProbes + 1 : 0);
          assert.ok(probeAt >= now + 800 && probeAt <= now + 72_000, `${probeAt - now}`);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('opens at the tenth failure in a row', () => {
    assert.equal(rowOf(9, false)?.open, null);
    assert.deepEqual(rowOf(10, false)?.open, { probeAt: 9 + 1_000, failedProbes: 0 });
  });

  it('probes after 1 s, then twice as long after each that fails, and once a minute at the end', () => {
    const waits = Array.from({ length: 9 }, (_, failed) => probeWait(failed, 0.5) / 1_000);
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert.deepEqual([probeWait(0, 0), probeWait(0, 1), probeWait(5_000, 1)], [800, 1_200, 72_000]);
  });

  it('waits for its probe, and not for one that only another clock has put so far ahead', () => {
    const open = { probeAt: 10_000, failedProbes: 0 };
    assert.equal(probeWaitMs(open, 4_000), 6_000);
    assert.equal(probeWaitMs(open, 10_000), 0);
    assert.equal(probeWaitMs(open, 20_000), 0);
    assert.equal(probeWaitMs({ ...open, probeAt: 72_000 }, 0), 72_000);
    assert.equal(probeWaitMs({ ...open, probeAt: 72_001 }, 0), 0);
  });

  it('lets a probe go to another URL at once, and counts five days from there', () => {
    assert.equal(failingElsewhere(null, 5), null);
    assert.equal(failingElsewhere(rowOf(9, false), 5), null);
    const open = rowOf(12, true);
    assert.equal(open?.open?.failedProbes, 2);
    assert.deepEqual(failingElsewhere(open && { ...open, exhausted: true }, 5), {
      since: 5,
      failures: 12,
      exhausted: false,
      open: { probeAt: 5, failedProbes: 0 },
    });
  });

  it('gives up after five days, if a delivery was given up on', () => {
    const since = { since: 7, exhausted: true };
    assert.equal(hasFailedForTooLong(since, 7 + LONGEST_FAILING - 1), false);
    assert.equal(hasFailedForTooLong(since, 7 + LONGEST_FAILING), true);
    assert.equal(hasFailedForTooLong({ since: 7, exhausted: false }, 8 + LONGEST_FAILING), false);
    assert.equal(LONGEST_FAILING, 5 * 24 * 3_600_000);
  });
});
