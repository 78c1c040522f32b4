import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PosthornError } from '../../src/domain/errors.ts';
import { eventIdMaker } from '../../src/domain/ids.ts';
import type { SendResult } from '../../src/engine/sender.ts';
import { TestCalls } from '../../src/engine/test-calls.ts';
import { webhook } from './lane-material.ts';

const AT_ONCE = 16;
const CALL = { eventType: 'SENT', body: '{}' };
const RESULT: SendResult = {
  outcome: 'unreachable',
  durationMs: 1,
  ranOut: false,
  response: null,
  error: 'No.',
};

describe('test calls', () => {
  it('are bounded by themselves: the queue does not hold them back', async () => {
    const underWay: (() => void)[] = [];
    const sender = {
      send: (_: unknown, ended: (result: SendResult) => void) =>
        void underWay.push(() => ended(RESULT)),
      forget: () => undefined,
    };
    const settings = { retrySchedule: [], userAgent: 'Posthorn/test' };
    const calls = new TestCalls(sender, settings, eventIdMaker());
    const sent = Array.from({ length: AT_ONCE }, () => calls.send(webhook(1), CALL));
    const refused = assert.rejects(
      calls.send(webhook(1), CALL),
      (error) => error instanceof PosthornError && error.code === 'overloaded',
    );
    assert.equal(underWay.length, AT_ONCE);
    await refused;
    for (const end of underWay.splice(0)) end();
    const attempts = await Promise.all(sent);
    assert.equal(new Set(attempts.map(({ key }) => key.eventId)).size, AT_ONCE);
    const again = calls.send(webhook(1), CALL);
    for (const end of underWay.splice(0)) end();
    assert.equal((await again).attempt.outcome, 'unreachable');
  });
});
