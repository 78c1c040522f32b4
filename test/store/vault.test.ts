import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SEALED, SEAL_LENGTH, Vault } from '../../src/store/vault.ts';

const key = (): Uint8Array => new Uint8Array(randomBytes(32));
const text = fc.string({ unit: 'grapheme' });
const account = fc.integer({ min: 1 });
const kind = fc.constantFrom('secret' as const, 'header' as const);

describe('a vault', () => {
  it('opens what it has sealed, as the same thing of the same account, and nothing else', () => {
    const vault = new Vault([key()]);
    fc.assert(
      fc.property(text, account, kind, (plain, accountId, what) => {
        const sealed = vault.seal(plain, accountId, what);
        assert.equal(vault.open(sealed, accountId, what), plain);
        assert.ok(sealed.startsWith(SEALED) && vault.isCurrent(sealed));
        assert.notEqual(vault.seal(plain, accountId, what), sealed, 'each time another');
        assert.throws(() => vault.open(sealed, accountId + 1, what));
        const other = what === 'secret' ? 'header' : 'secret';
        assert.throws(() => vault.open(sealed, accountId, other));
      }),
    );
  });

  it('opens nothing of which a bit was changed', () => {
    const vault = new Vault([key()]);
    fc.assert(
      fc.property(text, fc.nat(), fc.integer({ min: 0, max: 7 }), (plain, at, bit) => {
        const sealed = vault.seal(plain, 1, 'secret');
        const bytes = Buffer.from(sealed.slice(SEAL_LENGTH + 1), 'base64');
        const place = at % bytes.length;
        bytes[place] = (bytes[place] ?? 0) ^ (1 << bit);
        const changed = sealed.slice(0, SEAL_LENGTH + 1) + bytes.toString('base64');
        assert.throws(() => vault.open(changed, 1, 'secret'));
      }),
    );
  });

  it('opens with any of its keys, and seals with the first', () => {
    const [old, next] = [key(), key()];
    const sealed = new Vault([old]).seal('whsec_AAAA', 1, 'secret');
    const both = new Vault([next, old]);
    assert.equal(both.open(sealed, 1, 'secret'), 'whsec_AAAA');
    assert.ok(!both.isCurrent(sealed));
    assert.ok(both.isCurrent(both.seal('whsec_AAAA', 1, 'secret')));
    assert.throws(() => new Vault([next]).open(sealed, 1, 'secret'), /which is not in/);
    assert.throws(() => new Vault([next]).judge([sealed.slice(0, SEAL_LENGTH)]), /which is not in/);
    assert.throws(() => new Vault().open(sealed, 1, 'secret'), /has to have it/);
    new Vault([next, old]).judge([sealed.slice(0, SEAL_LENGTH), 'whsec_AAAA']);
  });

  it('leaves everything as it is without a key, and takes what is plain as it is with one', () => {
    const none = new Vault();
    assert.equal(none.seal('whsec_AAAA', 1, 'secret'), 'whsec_AAAA');
    assert.ok(none.isCurrent('whsec_AAAA'));
    const vault = new Vault([key()]);
    assert.equal(vault.open('whsec_AAAA', 1, 'secret'), 'whsec_AAAA');
    assert.ok(!vault.isCurrent('whsec_AAAA'));
  });

  it('says which key it misses, and nothing of what keys are', () => {
    const [one, other] = [key(), key()];
    const sealed = new Vault([one]).seal('x', 1, 'secret');
    assert.throws(
      () => new Vault([other]).judge([sealed.slice(0, SEAL_LENGTH)]),
      ({ message }: Error) => {
        for (const encoding of ['hex', 'base64'] as const) {
          const shown = Buffer.from(one).toString(encoding).slice(0, 8);
          assert.ok(!message.includes(shown));
        }
        return true;
      },
    );
  });
});
