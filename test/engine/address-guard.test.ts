import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { describe, it } from 'node:test';
import { AddressGuard, hostOf, type Verdict } from '../../src/engine/address-guard.ts';
import { ADDRESS_CASES } from './address-cases.ts';
import { SPECIAL_PURPOSE } from './iana-registries.ts';
import { INVALID_HOSTS, NO_ADDRESSES } from './no-addresses.ts';

const strict = new AddressGuard();

describe('a URL whose host is an address', () => {
  for (const { title, verdict, hosts } of ADDRESS_CASES) {
    for (const host of hosts) {
      it(`is ${verdict}: ${title}: ${JSON.stringify(host)}`, () => {
        const url = new URL(`http://${host}/hook`);
        assert.notEqual(isIP(hostOf(url)), 0, 'the case is about an address');
        assert.equal(strict.judgeUrl(url) === undefined, verdict === 'allowed');
        assert.equal(strict.judge(hostOf(url)), verdict);
      });
    }
  }

  it('is covered by more than 150 cases', () => {
    assert.ok(ADDRESS_CASES.flatMap(({ hosts }) => hosts).length > 150);
  });

  for (const host of INVALID_HOSTS) {
    it(`is no URL at all: ${host}`, () => assert.throws(() => new URL(`http://${host}/`)));
  }

  it('is refused with a sentence that says what is wrong', () => {
    assert.equal(
      strict.judgeUrl(new URL('http://0x7f.1/secret?token=1')),
      '127.0.0.1 is not a public address (loopback).',
    );
    assert.equal(
      strict.judgeUrl(new URL('https://[fd00::1]:8443/')),
      'fd00::1 is not a public address (private).',
    );
  });
});

describe('a URL whose host is a name', () => {
  for (const host of [
    'example.com',
    'localhost',
    'metadata.google.internal',
    '127.0.0.1.nip.io',
    '127.0.0.1..',
  ]) {
    it(`is judged when sending: ${host}`, () => {
      assert.equal(strict.judgeUrl(new URL(`http://${host}/`)), undefined);
    });
  }
});

describe('a text that is no plain address', () => {
  for (const text of NO_ADDRESSES) {
    it(`is forbidden: ${JSON.stringify(text)}`, () => {
      assert.equal(strict.judge(text), 'forbidden');
      assert.equal(new AddressGuard(['0.0.0.0/0', '::/0']).judge(text), 'forbidden');
    });
  }
});

describe("IANA's registries of special-purpose addresses", () => {
  for (const { block, verdict, inside } of SPECIAL_PURPOSE) {
    it(`${block}: ${verdict}`, () => {
      for (const address of inside) assert.equal(strict.judge(address), verdict, address);
    });
  }
});

describe('the allow list', () => {
  it('opens a range and nothing beside it', () => {
    assert.equal(judge(['10.1.0.0/16'], '10.1.255.255'), 'allowed');
    assert.equal(judge(['10.1.0.0/16'], '10.2.0.0'), 'forbidden');
    assert.equal(judge(['10.1.0.0/16'], '127.0.0.1'), 'forbidden');
    assert.equal(judge(['fd00:1::/32'], 'fd00:1:ffff::1'), 'allowed');
    assert.equal(judge(['fd00:1::/32'], 'fd00:2::1'), 'forbidden');
  });

  it('takes an address without a prefix for itself alone', () => {
    assert.equal(judge(['127.0.0.1'], '127.0.0.1'), 'allowed');
    assert.equal(judge(['127.0.0.1'], '127.0.0.2'), 'forbidden');
    assert.equal(judge(['::1'], '::1'), 'allowed');
    assert.equal(judge(['::1'], '::2'), 'forbidden');
  });

  it('covers an IPv4 address mapped into IPv6, written either way', () => {
    assert.equal(judge(['127.0.0.1'], '::ffff:127.0.0.1'), 'allowed');
    assert.equal(judge(['127.0.0.1'], '0:0:0:0:0:ffff:7f00:1'), 'allowed');
    assert.equal(judge(['::ffff:10.0.0.0/104'], '10.255.0.1'), 'allowed');
    assert.equal(judge(['::ffff:10.0.0.0/104'], '11.0.0.1'), 'allowed', 'public anyway');
    assert.equal(judge(['::ffff:10.0.0.0/104'], '127.0.0.1'), 'forbidden');
  });

  for (const embedded of [
    '64:ff9b::10.0.0.1',
    '::10.0.0.1',
    '::ffff:0:10.0.0.1',
    '64:ff9b:1::10.0.0.1',
    '2002:a00:1::1',
    '2606:4700::5efe:10.0.0.1',
  ]) {
    it(`does not cover an IPv4 address in another disguise: ${embedded}`, () => {
      assert.equal(judge(['10.0.0.0/8', '0.0.0.0/0'], embedded), 'forbidden');
      assert.equal(judge([embedded], embedded), 'allowed', 'unless it is written so');
    });
  }

  it('keeps the families apart', () => {
    assert.equal(judge(['::/0'], '10.0.0.1'), 'forbidden');
    assert.equal(judge(['::/0'], '::ffff:10.0.0.1'), 'forbidden');
    assert.equal(judge(['0.0.0.0/0'], 'fd00::1'), 'forbidden');
  });

  for (const entry of [
    '',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    '10.0.0/8',
    'fe80::1%eth0',
    'localhost',
    '10.0.0.0-10.0.0.9',
    '::ffff:10.0.0.0/64',
    '10.0.0.0/8,127.0.0.1',
  ]) {
    it(`refuses an entry that is no CIDR, and names it: ${JSON.stringify(entry)}`, () => {
      assert.throws(
        () => new AddressGuard(['127.0.0.1', entry]),
        (error: Error) => error instanceof RangeError && error.message.includes(`"${entry}"`),
      );
    });
  }
});

function judge(allowed: readonly string[], address: string): Verdict {
  return new AddressGuard(allowed).judge(address);
}
