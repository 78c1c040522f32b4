import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { AddressGuard } from '../../src/engine/address-guard.ts';

const strict = new AddressGuard();

/** Ranges that must not be reached, as [first, number of addresses]. */
const FORBIDDEN_RANGES: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 2 ** 24],
  ['10.0.0.0', 2 ** 24],
  ['100.64.0.0', 2 ** 22],
  ['127.0.0.0', 2 ** 24],
  ['168.63.129.16', 1],
  ['169.254.0.0', 2 ** 16],
  ['172.16.0.0', 2 ** 20],
  ['192.168.0.0', 2 ** 16],
  ['224.0.0.0', 2 ** 29],
];

const forbiddenIPv4 = fc
  .constantFrom(...FORBIDDEN_RANGES)
  .chain(([first, size]) => fc.nat(size - 1).map((offset) => numberOf(first) + offset));

const publicIPv4 = fc
  .nat(2 ** 32 - 1)
  .filter((number) => strict.judge(dotted(number)) === 'allowed');

/** A way to spell an IPv4 address as the host of a URL: parts, their notation, digits, dots, escapes. */
const spelling = fc.record({
  parts: fc.integer({ min: 1, max: 4 }),
  notations: fc.array(fc.constantFrom('decimal', 'octal', 'hex', 'HEX'), {
    minLength: 4,
    maxLength: 4,
  }),
  leadingZeros: fc.nat(3),
  wide: fc.boolean(),
  dot: fc.constantFrom('.', '。', '．', '｡', '%2e'),
  trailingDot: fc.boolean(),
  escapeFirst: fc.boolean(),
  userInfo: fc.constantFrom('', 'user@', '8.8.8.8@', 'a:b@'),
});

/** A way to hide an IPv4 address in an IPv6 address. */
const disguise = fc.constantFrom(
  (v4: string) => `::ffff:${v4}`,
  (v4: string) => `64:ff9b::${v4}`,
  (v4: string) => `::${v4}`,
  (v4: string) => `::ffff:0:${v4}`,
  (v4: string) => `64:ff9b:1::${v4}`,
  (v4: string) => `2606:4700::5efe:${v4}`,
  (v4: string) => `2606:4700:0:1:200:5efe:${v4}`,
  (v4: string) => `2002:${groupsOf(v4)}::1`,
  (v4: string) => `2001:0:${groupsOf(v4)}::1`,
);

describe('whatever the spelling', () => {
  it('a forbidden IPv4 address is refused', () => {
    fc.assert(
      fc.property(forbiddenIPv4, spelling, (number, how) => {
        assert.notEqual(strict.judgeUrl(new URL(`http://${spell(number, how)}/`)), undefined);
      }),
      { numRuns: 2_000 },
    );
  });

  it('a public IPv4 address is allowed', () => {
    fc.assert(
      fc.property(publicIPv4, spelling, (number, how) => {
        const url = new URL(`http://${spell(number, how)}/`);
        assert.equal(url.hostname, dotted(number));
        assert.equal(strict.judgeUrl(url), undefined);
      }),
      { numRuns: 2_000 },
    );
  });

  it('a forbidden IPv4 address inside an IPv6 address is refused', () => {
    fc.assert(
      fc.property(forbiddenIPv4, disguise, (number, hide) => {
        const hidden = hide(dotted(number));
        assert.equal(strict.judge(hidden), 'forbidden');
        assert.notEqual(strict.judgeUrl(new URL(`http://[${hidden}]/`)), undefined);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the allow list, against arithmetic', () => {
  it('opens exactly the IPv4 range that is written', () => {
    fc.assert(
      fc.property(
        forbiddenIPv4,
        fc.nat(32),
        forbiddenIPv4,
        fc.boolean(),
        (base, prefix, far, near) => {
          const size = 2 ** (32 - prefix);
          const first = base - (base % size);
          // One before and one after the range are where an error would hide.
          const asked = near
            ? Math.min(Math.max(first + (far % 2 === 0 ? -1 : size), 0), 2 ** 32 - 1)
            : far;
          const guard = new AddressGuard([`${dotted(base)}/${prefix}`]);
          const inside = asked >= first && asked < first + size;
          const expected =
            inside || strict.judge(dotted(asked)) === 'allowed' ? 'allowed' : 'forbidden';
          assert.equal(guard.judge(dotted(asked)), expected);
          assert.equal(guard.judge(`::ffff:${dotted(asked)}`), expected);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('opens exactly the IPv6 range that is written', () => {
    const uniqueLocal = fc
      .bigInt({ min: 0n, max: 2n ** 120n - 1n })
      .map((n) => (0xfdn << 120n) + n);
    fc.assert(
      fc.property(
        uniqueLocal,
        fc.integer({ min: 8, max: 128 }),
        uniqueLocal,
        (base, prefix, asked) => {
          const guard = new AddressGuard([`${groups(base)}/${prefix}`]);
          const shift = BigInt(128 - prefix);
          const last = ((base >> shift) << shift) + (1n << shift) - 1n;
          const expected = base >> shift === asked >> shift ? 'allowed' : 'forbidden';
          assert.equal(guard.judge(groups(asked)), expected);
          assert.equal(guard.judge(groups(last)), 'allowed');
          assert.equal(guard.judge(groups(last + 1n)), 'forbidden');
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

type Spelling = typeof spelling extends fc.Arbitrary<infer S> ? S : never;

function spell(number: number, how: Spelling): string {
  const bytes = [number >>> 24, (number >>> 16) & 0xff, (number >>> 8) & 0xff, number & 0xff];
  const head = bytes.slice(0, how.parts - 1);
  const tail = bytes.slice(how.parts - 1).reduce((sum, byte) => sum * 256 + byte, 0);
  const texts = [...head, tail].map((part, index) =>
    notation(part, how.notations[index], how.leadingZeros),
  );
  const host = texts.join(how.dot) + (how.trailingDot ? how.dot : '');
  const wide = how.wide && !host.includes('%') ? host.replaceAll(/\d/g, wideDigit) : host;
  return how.userInfo + (how.escapeFirst && /^\d/.test(wide) ? `%3${wide}` : wide);
}

function notation(part: number, how = 'decimal', zeros = 0): string {
  switch (how) {
    case 'octal':
      return `0${'0'.repeat(zeros)}${part.toString(8)}`;
    case 'hex':
      return `0x${'0'.repeat(zeros)}${part.toString(16)}`;
    case 'HEX':
      return `0X${'0'.repeat(zeros)}${part.toString(16).toUpperCase()}`;
    default:
      return String(part);
  }
}

function wideDigit(digit: string): string {
  return String.fromCodePoint(0xff10 + Number(digit));
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
}

function dotted(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}

function groupsOf(address: string): string {
  const number = numberOf(address);
  return `${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`;
}

function groups(number: bigint): string {
  return number.toString(16).padStart(32, '0').match(/.{4}/g)?.join(':') ?? '';
}
