import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { OUTCOMES } from '../../src/domain/attempt.ts';
import {
  DEFAULT_RETRY_SCHEDULE,
  nextStep,
  ONE_ATTEMPT,
  scheduled,
  type AttemptResult,
} from '../../src/domain/retry.ts';

const NOW = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;

function failed(change: Partial<AttemptResult> = {}): AttemptResult {
  return { number: 1, outcome: 'rejected', responseStatus: 500, retryAfter: null, ...change };
}

/** How long the decision waits, at the middle of the jitter. */
function wait(attempt: AttemptResult, random = 0.5): number {
  const step = nextStep(attempt, DEFAULT_RETRY_SCHEDULE, NOW, random);
  return step.status === 'pending' ? step.nextAttemptAt - NOW : Number.NaN;
}

describe('what comes after an attempt', () => {
  it('follows the schedule of the contract: nine attempts in all', () => {
    const minutes = [1 / 12, 1, 5, 15, 60, 360, 720, 1_440];
    const waits = minutes.map((_, i) => wait(failed({ number: i + 1 })) / 60_000);
    assert.deepEqual(waits, minutes);
    assert.deepEqual(nextStep(failed({ number: 9 }), DEFAULT_RETRY_SCHEDULE, NOW, 0.5), {
      status: 'exhausted',
    });
  });

  it('follows it from its beginning where a delivery was put back, whatever its attempt’s number', () => {
    const base = 9;
    for (const number of [10, 11, 18]) {
      const place = scheduled(number, DEFAULT_RETRY_SCHEDULE, base);
      assert.deepEqual(place, { number: number - base, schedule: DEFAULT_RETRY_SCHEDULE });
    }
    assert.deepEqual(scheduled(3, DEFAULT_RETRY_SCHEDULE), {
      number: 3,
      schedule: DEFAULT_RETRY_SCHEDULE,
    });
  });

  it('gives up at once where it was put back for one attempt, also if asked for patience', () => {
    for (const given of [1, 5, 10]) {
      const { number, schedule } = scheduled(given, DEFAULT_RETRY_SCHEDULE, ONE_ATTEMPT);
      const attempt = failed({ number, responseStatus: 503, retryAfter: '120' });
      assert.deepEqual(nextStep(attempt, schedule, NOW, 0.5), { status: 'exhausted' });
    }
  });

  it('jitters by 20 % up and down, and reaches both ends', () => {
    assert.equal(wait(failed(), 0), 4_000);
    assert.equal(wait(failed(), 1), 6_000);
  });

  it('retries every outcome that is no success, blocked too', () => {
    for (const outcome of OUTCOMES) {
      const step = nextStep(
        failed({ outcome, responseStatus: null }),
        DEFAULT_RETRY_SCHEDULE,
        NOW,
        0.5,
      );
      assert.equal(step.status, outcome === 'delivered' ? 'succeeded' : 'pending', outcome);
    }
  });

  it('takes the later of schedule and Retry-After on 429 and 503, up to 24 hours', () => {
    for (const responseStatus of [429, 503]) {
      assert.equal(wait(failed({ responseStatus, retryAfter: '120' })), 120_000);
      assert.equal(wait(failed({ responseStatus, retryAfter: '1' })), 5_000);
      assert.equal(wait(failed({ responseStatus, retryAfter: '999999999' })), 24 * HOUR);
      const date = new Date(NOW + HOUR).toUTCString();
      assert.equal(wait(failed({ responseStatus, retryAfter: date })), HOUR);
      for (const nonsense of ['', 'soon', '-5', '1e9', '5 apples', 'Fri, 99 Foo']) {
        assert.equal(wait(failed({ responseStatus, retryAfter: nonsense })), 5_000, nonsense);
      }
    }
    assert.equal(wait(failed({ responseStatus: 500, retryAfter: '120' })), 5_000);
  });

  it('disables the webhook on 410, also at the last attempt', () => {
    for (const number of [1, 9]) {
      const step = nextStep(
        failed({ number, responseStatus: 410 }),
        DEFAULT_RETRY_SCHEDULE,
        NOW,
        0.5,
      );
      assert.deepEqual(step, {
        status: 'canceled',
        disableReason: 'The endpoint answered 410 Gone.',
      });
    }
  });

  it('never waits less than 80 % of the schedule nor is due in the past', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(429, 500, 503, null),
        fc.string(),
        (number, random, responseStatus, retryAfter) => {
          const waited = wait(failed({ number, responseStatus, retryAfter }), random);
          return waited >= (DEFAULT_RETRY_SCHEDULE[number - 1] ?? 0) * 0.8 && waited <= 29 * HOUR;
        },
      ),
    );
  });
});
