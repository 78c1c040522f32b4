import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mostDue } from '../../src/domain/redo.ts';

const NONE = { concurrency: null, rateLimit: null };

describe('how many deliveries may be due for a redo to add more', () => {
  it('is bounded by what the webhook takes: slots, concurrency, rate limit', () => {
    assert.equal(mostDue(NONE), 100);
    assert.equal(mostDue(NONE, 1), 2);
    assert.equal(mostDue(NONE, 64), 100);
    assert.equal(mostDue({ ...NONE, concurrency: 1 }), 2);
    assert.equal(mostDue({ concurrency: 8, rateLimit: 10 }, 5), 10);
    assert.equal(mostDue({ concurrency: 8, rateLimit: 1 }, 5), 1);
  });

  it('is never none, so that a redo comes to its end', () => {
    for (const rateLimit of [null, 1, 10_000]) {
      for (const concurrency of [null, 1, 64]) {
        for (const slots of [undefined, 1, 64]) {
          assert.ok(mostDue({ concurrency, rateLimit }, slots) >= 1);
        }
      }
    }
  });
});
