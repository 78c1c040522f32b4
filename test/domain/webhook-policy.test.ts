import assert from 'node:assert/strict';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { durationText, parseDuration } from '../../src/domain/duration.ts';
import { requestHeaders } from '../../src/domain/request-headers.ts';
import {
  headerNameIssue,
  headerValueIssue,
  NO_POLICY,
  POLICY_BOUNDS,
  repeatedHeaderNames,
  samePolicy,
} from '../../src/domain/webhook-policy.ts';

/** A text with some of its letters in the other case. */
function inSomeCase(text: string): fc.Arbitrary<string> {
  return fc
    .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
    .map((upper) =>
      text.replace(/./g, (letter, i: number) => (upper[i] ? letter.toUpperCase() : letter)),
    );
}

describe('a header of a webhook', () => {
  it('is one that HTTP can carry as it stands, in one line', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string());
    fc.assert(
      fc.property(text, text, (name, value) => {
        if (headerNameIssue(name) === undefined) validateHeaderName(name);
        if (headerValueIssue(value) !== undefined) return;
        validateHeaderValue('x', value);
        assert.doesNotMatch(value, /[\r\n\0]/);
        assert.equal(value.trim(), value);
      }),
      { numRuns: 2_000 },
    );
  });

  it('has no line break anywhere, whatever stands around it', () => {
    const breaks = fc.constantFrom('\r', '\n', '\r\n', '\0', '\u0085', '\u2028', '\u010a');
    fc.assert(
      fc.property(fc.string(), breaks, fc.string(), (before, br, after) => {
        assert.ok(headerValueIssue(before + br + after));
        assert.ok(headerNameIssue(before + br + after));
      }),
    );
  });

  const ours = Object.keys(
    requestHeaders({ eventId: `evt_${'0'.repeat(32)}`, webhookId: 1 }, 'SENT', {
      number: 1,
      startedAt: 0,
      signature: '',
      userAgent: '',
    }),
  );
  const others = ['host', 'content-length', 'content-encoding', 'transfer-encoding', 'connection'];
  const further = ['keep-alive', 'te', 'trailer', 'upgrade', 'proxy-authorization', 'expect'];
  for (const name of [...ours, ...others, ...further]) {
    it(`is not ${name}, in any case, nor with underscores`, () => {
      fc.assert(
        fc.property(inSomeCase(name), (spelt) => {
          assert.match(headerNameIssue(spelt) ?? '', /cannot be replaced/);
          const underscored = spelt.replaceAll('-', '_');
          assert.match(headerNameIssue(underscored) ?? '', /cannot be replaced/);
        }),
        { numRuns: 20 },
      );
    });
  }

  for (const name of [
    'Authorization',
    'X-Api-Key',
    'x-team',
    'Cookie',
    'Accept',
    "!#$%&'*+.^_`|~",
  ]) {
    it(`may be ${name}`, () => assert.equal(headerNameIssue(name), undefined));
  }

  for (const name of ['', 'a b', 'a:', 'a\tb', 'é', '__proto__', 'a\r\nx-b']) {
    it(`is not named ${JSON.stringify(name)}`, () => assert.ok(headerNameIssue(name)));
  }

  it('keeps to its bounds', () => {
    const { headerName, headerValue } = POLICY_BOUNDS;
    assert.equal(headerNameIssue('n'.repeat(headerName)), undefined);
    assert.ok(headerNameIssue('n'.repeat(headerName + 1)));
    assert.equal(headerValueIssue('v'.repeat(headerValue)), undefined);
    assert.ok(headerValueIssue('v'.repeat(headerValue + 1)));
    for (const value of ['', ' v', 'v ', '\tv', 'é']) assert.ok(headerValueIssue(value), value);
  });

  it('is there once, however it is spelt', () => {
    assert.deepEqual(repeatedHeaderNames(['X-A', 'x-b', 'x-a', 'X-a']), ['x-a', 'X-a']);
  });
});

describe('two policies', () => {
  it('are the same where each part is', () => {
    const policy = fc.record({
      retrySchedule: fc.option(fc.array(fc.nat(5), { maxLength: 2 })),
      timeoutMs: fc.option(fc.nat(1)),
      concurrency: fc.option(fc.nat(1)),
      rateLimit: fc.option(fc.nat(1)),
      headers: fc.option(fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2'))),
      ordering: fc.constantFrom('none' as const, 'lead' as const),
    });
    fc.assert(
      fc.property(policy, policy, (one, other) => {
        const given = { ...one, headers: one.headers && { ...one.headers } };
        assert.ok(samePolicy(one, given));
        assert.equal(samePolicy(one, other), samePolicy(other, one));
        if (samePolicy(one, other)) {
          assert.deepEqual({ ...one, headers: null }, { ...other, headers: null });
        }
      }),
    );
    assert.ok(!samePolicy(NO_POLICY, { ...NO_POLICY, retrySchedule: [] }), 'no retries at all');
  });
});

describe('a duration', () => {
  it('is what its text says', () => {
    fc.assert(
      fc.property(fc.nat(3_000_000_000), (ms) => assert.equal(parseDuration(durationText(ms)), ms)),
    );
    assert.equal(parseDuration('90s'), 90_000);
    assert.equal(durationText(90_000), '90s');
  });

  for (const text of ['', '5', 's', '-5s', '5.5s', '5 s', '5S', '5sec', '99999999999999999d']) {
    it(`is not ${JSON.stringify(text)}`, () => assert.equal(parseDuration(text), undefined));
  }
});
