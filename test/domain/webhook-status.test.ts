import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { signingSecrets } from '../../src/domain/webhook.ts';
import { rotation } from '../../src/domain/webhook-changes.ts';
import { WEBHOOK_TRANSITIONS, webhookTransition } from '../../src/domain/webhook-status.ts';

describe("a webhook's life", () => {
  it('is the picture in docs/states.md', () => {
    const drawn = Object.entries(WEBHOOK_TRANSITIONS).flatMap(([from, by]) =>
      Object.entries(by).map(([verb, to]) => `${from} ${verb} ${to}`),
    );
    assert.deepEqual(drawn, [
      'active pause paused',
      'active resume active',
      'active disable disabled',
      'active delete deleted',
      'paused pause paused',
      'paused resume active',
      'paused disable disabled',
      'paused delete deleted',
      'disabled resume active',
      'disabled delete deleted',
    ]);
    assert.equal(webhookTransition('deleted', 'resume'), undefined);
    assert.equal(webhookTransition('disabled', 'pause'), undefined);
  });
});

describe('signing secrets', () => {
  it('are the present one, and the one before as long as it is valid, whatever is asked when', () => {
    const call = fc.record({ after: fc.nat(100), overlapMs: fc.nat(100) });
    fc.assert(
      fc.property(fc.array(call), (calls) => {
        let now = 0;
        let made = 0;
        let webhook = {
          secret: 's0',
          previousSecret: null as { secret: string; validUntil: number } | null,
        };
        for (const { after, overlapMs } of calls) {
          now += after;
          const before = signingSecrets(webhook, now);
          assert.equal(before[0], webhook.secret);
          const changes = rotation(webhook, `s${made + 1}`, overlapMs, now);
          assert.equal(changes === undefined, before.length === 2, 'refused while two sign');
          if (!changes) continue;
          made += 1;
          const left = webhook.secret;
          webhook = Object.assign({}, webhook, changes);
          assert.equal(webhook.secret, `s${made}`);
          const wanted = overlapMs > 0 ? [`s${made}`, left] : [`s${made}`];
          assert.deepEqual(signingSecrets(webhook, now), wanted);
          assert.deepEqual(signingSecrets(webhook, now + overlapMs), [`s${made}`]);
        }
      }),
    );
  });
});
