import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { NameResolver } from '../../src/engine/name-resolver.ts';
import { SendFailure } from '../../src/engine/send-failure.ts';
import { DnsServer, type Answering } from './dns-server.ts';

/** A DNS server, a resolver that asks it, and a clock that only the test moves. */
async function fixture(zones: Record<string, Answering>, hostsPath = '/nonexistent') {
  const dns = await DnsServer.start(zones);
  const clock = { ms: 0 };
  const names = new NameResolver({ servers: [dns.address], hostsPath, now: () => clock.ms });
  const dispose = async () => {
    names.close();
    await dns[Symbol.asyncDispose]();
  };
  return { dns, names, clock, [Symbol.asyncDispose]: dispose };
}

describe('a name', () => {
  it('has the addresses of both families', async () => {
    await using at = await fixture({ 'both.test': { addresses: ['192.0.2.7', '2001:db8::7'] } });
    assert.deepEqual(await at.names.resolve('both.test'), ['192.0.2.7', '2001:db8::7']);
  });

  it('may have one family only', async () => {
    await using at = await fixture({ 'six.test': { addresses: ['2001:db8::7'] } });
    assert.deepEqual(await at.names.resolve('six.test'), ['2001:db8::7']);
  });

  it('is followed through an alias', async () => {
    await using at = await fixture({
      'alias.test': { alias: 'real.test', addresses: ['192.0.2.1'] },
    });
    assert.deepEqual(await at.names.resolve('alias.test'), ['192.0.2.1']);
  });

  it('is the same in capitals and with a trailing dot', async () => {
    await using at = await fixture({ 'one.test': { addresses: ['192.0.2.1'] } });
    await at.names.resolve('ONE.test.');
    await at.names.resolve('one.TEST');
    assert.deepEqual(at.dns.queries.toSorted(), ['A one.test', 'AAAA one.test']);
  });

  it('may have many addresses', async () => {
    const addresses = Array.from({ length: 25 }, (_, index) => `192.0.2.${index + 1}`);
    await using at = await fixture({ 'many.test': { addresses } });
    assert.deepEqual([...(await at.names.resolve('many.test'))].toSorted(), addresses.toSorted());
  });

  for (const [what, zone, sentence] of [
    ['does not exist', { code: 'NXDOMAIN' }, 'The name bad.test does not exist.'],
    ['has no address', {}, 'The name bad.test has no address.'],
    ['cannot be resolved', { code: 'SERVFAIL' }, 'DNS could not resolve bad.test (ESERVFAIL).'],
  ] as const) {
    it(`that ${what} is said to be so`, async () => {
      await using at = await fixture({ 'bad.test': zone });
      await assert.rejects(at.names.resolve('bad.test'), (error) => {
        assert.ok(error instanceof SendFailure);
        assert.equal(error.outcome, 'unreachable');
        assert.equal(error.message, sentence);
        return true;
      });
    });
  }

  for (const host of ['127.0.0.1..', `${'a'.repeat(64)}.test`, 'a..b']) {
    it(`that is none is said to be so: ${host.slice(0, 20)}`, async () => {
      await using at = await fixture({});
      await assert.rejects(at.names.resolve(host), SendFailure);
    });
  }
});

describe('what a resolver keeps', () => {
  it('is asked for once while several wait', async () => {
    await using at = await fixture({ 'busy.test': { addresses: ['192.0.2.1'], delayMs: 20 } });
    await Promise.all([1, 2, 3].map(() => at.names.resolve('busy.test')));
    assert.equal(at.dns.queries.length, 2);
  });

  for (const [ttl, keptMs] of [
    [30, 30_000],
    [0, 1_000],
    [86_400, 60_000],
  ] as const) {
    it(`lasts ${keptMs} ms where the TTL is ${ttl} s`, async () => {
      await using at = await fixture({ 'ttl.test': { addresses: ['192.0.2.1'], ttl } });
      await at.names.resolve('ttl.test');
      at.clock.ms = keptMs - 1;
      await at.names.resolve('ttl.test');
      assert.equal(at.dns.queries.length, 2, 'kept');
      at.clock.ms = keptMs + 1;
      await at.names.resolve('ttl.test');
      assert.equal(at.dns.queries.length, 4, 'asked again');
    });
  }

  it('is a failure for two seconds only', async () => {
    await using at = await fixture({
      'late.test': (count) => (count === 1 ? { code: 'NXDOMAIN' } : { addresses: ['192.0.2.1'] }),
    });
    await assert.rejects(at.names.resolve('late.test'));
    at.clock.ms = 1_999;
    await assert.rejects(at.names.resolve('late.test'));
    at.clock.ms = 2_001;
    assert.deepEqual(await at.names.resolve('late.test'), ['192.0.2.1']);
  });
});

describe('a DNS answer that is a lie', () => {
  for (const lie of ['wrong id', 'wrong name', 'garbage'] as const) {
    it(`by ${lie} is not taken for the true one`, async () => {
      await using at = await fixture({ 'true.test': { addresses: ['192.0.2.1'], lie } });
      const addresses = await at.names.resolve('true.test').catch((error: unknown) => error);
      if (addresses instanceof SendFailure) assert.equal(addresses.outcome, 'unreachable');
      else assert.deepEqual(addresses, ['192.0.2.1']);
    });
  }
});

describe('localhost', () => {
  for (const host of ['localhost', 'LOCALHOST.', 'app.localhost', 'a.b.localhost']) {
    it(`is loopback, and DNS is not asked: ${host}`, async () => {
      await using at = await fixture({
        localhost: { addresses: ['192.0.2.1'] },
        'app.localhost': { addresses: ['192.0.2.1'] },
      });
      assert.deepEqual(await at.names.resolve(host), ['127.0.0.1', '::1']);
      assert.deepEqual(at.dns.queries, []);
    });
  }

  it('is not at the end of any other name', async () => {
    await using at = await fixture({ notlocalhost: { addresses: ['192.0.2.1'] } });
    assert.deepEqual(await at.names.resolve('notlocalhost'), ['192.0.2.1']);
  });
});

describe('the hosts file', () => {
  it('comes before DNS, and is read again when it has changed', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'posthorn-hosts-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'hosts');
    writeFileSync(
      path,
      '# comment\n192.0.2.5\tinside.test Alias.Test # more\r\n2001:db8::5 inside.test\nnonsense inside.test\n\n',
    );
    await using at = await fixture({ 'inside.test': { addresses: ['192.0.2.1'] } }, path);
    assert.deepEqual(await at.names.resolve('inside.test'), ['192.0.2.5', '2001:db8::5']);
    assert.deepEqual(await at.names.resolve('alias.test'), ['192.0.2.5']);

    writeFileSync(path, '192.0.2.6 inside.test\n');
    utimesSync(path, new Date(), new Date(Date.now() + 5_000));
    at.clock.ms = 3_000;
    assert.deepEqual(await at.names.resolve('inside.test'), ['192.0.2.6']);

    rmSync(path);
    at.clock.ms = 6_000;
    assert.deepEqual(await at.names.resolve('inside.test'), ['192.0.2.1'], 'DNS where it is gone');
  });
});
