import assert from 'node:assert/strict';
import { connect, isIP, Socket, type TcpNetConnectOpts } from 'node:net';
import { describe, it } from 'node:test';
import type { SendResult } from '../../src/engine/sender.ts';
import { DnsServer, type Answering } from './dns-server.ts';
import { HAS_IPV6, ok, Receiver } from './receiver.ts';
import { TestSender } from './test-sender.ts';

/** The only place that may be reached in these tests. */
const ALLOWED = '127.0.0.3';
const PUBLIC = '93.184.216.34';

/** An allowed receiver, and canaries on the same port of every other loopback address in use here. */
async function scene() {
  const others = ['127.0.0.1', '127.0.0.2', ...(HAS_IPV6 ? ['::1'] : [])];
  const [allowed, ...canaries] = await Receiver.startTogether(ok, [ALLOWED, ...others]);
  assert.ok(allowed);
  const { port } = allowed;
  return {
    allowed,
    port,
    assertUntouched: () => {
      for (const { host, sockets } of canaries)
        assert.equal(sockets.length, 0, `a socket to ${host}`);
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of [allowed, ...canaries]) await each[Symbol.asyncDispose]();
    },
  };
}

async function namedScene(zones: Record<string, Answering>) {
  const places = await scene();
  const dns = await DnsServer.start(zones);
  const clock = { ms: 0 };
  const sender = new TestSender({
    allowed: [ALLOWED],
    dns: { servers: [dns.address], now: () => clock.ms },
  });
  return {
    ...places,
    dns,
    clock,
    sender,
    [Symbol.asyncDispose]: async () => {
      await sender[Symbol.asyncDispose]();
      await dns[Symbol.asyncDispose]();
      await places[Symbol.asyncDispose]();
    },
  };
}

function assertBlocked(result: SendResult): void {
  assert.equal(result.outcome, 'blocked', result.error ?? '');
  assert.equal(result.response, null);
}

describe('an address in the URL', () => {
  it('that is allowed gets its POST', async () => {
    await using at = await scene();
    await using sender = new TestSender({ allowed: [ALLOWED] });
    for (const host of [ALLOWED, '0x7f000003', '127.3', '[::ffff:127.0.0.3]']) {
      const result = await sender.post(`http://${host}:${at.port}/hook`);
      assert.equal(result.outcome, 'delivered', `${host}: ${result.error}`);
    }
    assert.equal(at.allowed.requests.length, 4);
    at.assertUntouched();
  });

  const refused = [
    '127.0.0.1',
    '127.0.0.2',
    '127.1',
    '2130706433',
    '0177.0.0.1',
    '0x7f.1',
    '１２７.0.0.1',
    '127.0.0.1.',
    '0.0.0.0',
    '0',
    '127.0.0.3@127.0.0.1',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::127.0.0.1]',
    '[::127.0.0.3]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b::127.0.0.3]',
    '[2002:7f00:1::]',
    '169.254.169.254',
    '10.0.0.1',
    '[fd00::1]',
    '[fe80::1]',
  ];
  for (const host of refused) {
    it(`that is not allowed gets nothing: ${host}`, async () => {
      await using at = await scene();
      await using sender = new TestSender({ allowed: [ALLOWED] });
      assertBlocked(await sender.post(`http://${host}:${at.port}/hook?token=secret`));
      assertBlocked(
        await sender.post(`https://${host}:${at.port}/hook?token=secret`, { webhookId: 2 }),
      );
      assert.deepEqual(sender.loopback.offered, [], 'no socket was even asked for');
      at.assertUntouched();
    });
  }
});

describe('a name', () => {
  it('that leads to an allowed address gets its POST', async () => {
    await using at = await namedScene({ 'hook.test': { addresses: [ALLOWED] } });
    const result = await at.sender.post(`http://hook.test:${at.port}/`);
    assert.equal(result.outcome, 'delivered', result.error ?? '');
    assert.match(at.allowed.requests[0] ?? '', /\r\nhost: hook\.test:\d+\r\n/);
    at.assertUntouched();
  });

  const bad: Record<string, Answering> = {
    'loopback.test': { addresses: ['127.0.0.1'] },
    'six.test': { addresses: ['::1'] },
    'private.test': { addresses: ['10.0.0.1'] },
    'metadata.test': { addresses: ['169.254.169.254'] },
    'mapped.test': { addresses: ['::ffff:7f00:1'] },
    'mapped-metadata.test': { addresses: ['::ffff:a9fe:a9fe'] },
    'nat64.test': { addresses: ['64:ff9b::7f00:3'] },
    'zero.test': { addresses: ['0.0.0.0'] },
    'alias.test': { alias: 'inner.test', addresses: ['127.0.0.1'] },
    'first-good.test': { addresses: [ALLOWED, '127.0.0.1'] },
    'last-good.test': { addresses: ['127.0.0.1', ALLOWED] },
    'one-of-many.test': {
      addresses: [...Array.from({ length: 20 }, () => ALLOWED), '127.0.0.2'],
    },
    'other-family.test': { addresses: [ALLOWED, '::1'] },
    'public-and-private.test': { addresses: [PUBLIC, '10.0.0.1'] },
    'slow.test': { addresses: ['127.0.0.1'], delayMs: 30 },
  };
  for (const name of Object.keys(bad)) {
    it(`with one answer that is not allowed gets nothing: ${name}`, async () => {
      await using at = await namedScene(bad);
      const result = await at.sender.post(`http://${name}:${at.port}/`);
      assertBlocked(result);
      assert.match(result.error ?? '', new RegExp(`^The name ${name} leads to an address that`));
      assert.doesNotMatch(result.error ?? '', /127\.|169\.|10\.|::/, 'the address is not told');
      assert.deepEqual(at.sender.loopback.offered, [], 'no socket was even asked for');
      at.assertUntouched();
    });
  }

  for (const host of ['localhost', 'x.localhost']) {
    it(`of loopback gets nothing where loopback is not allowed: ${host}`, async () => {
      await using at = await namedScene({});
      assertBlocked(await at.sender.post(`http://${host}:${at.port}/`));
      at.assertUntouched();
    });
  }

  it('that is rebound is judged again for the next connection', async () => {
    await using at = await namedScene({
      'rebind.test': (count) => ({ addresses: [count === 1 ? ALLOWED : '127.0.0.1'], ttl: 0 }),
    });
    const url = `http://rebind.test:${at.port}/`;
    assert.equal((await at.sender.post(url)).outcome, 'delivered');
    at.sender.sender.forget(1);
    at.clock.ms += 2_000;
    assertBlocked(await at.sender.post(url));
    at.assertUntouched();
  });

  it('is resolved once for a connection: what was judged is what is connected to', async () => {
    await using at = await namedScene({
      'rebind.test': (count) => ({ addresses: [count === 1 ? ALLOWED : '127.0.0.1'], ttl: 0 }),
    });
    // Whoever asks again gets the next answer: the clock jumps over every TTL at each look.
    const jumping = new TestSender({
      allowed: [ALLOWED],
      dns: { servers: [at.dns.address], now: () => (at.clock.ms += 3_600_000) },
    });
    await using sender = jumping;
    const result = await sender.post(`http://rebind.test:${at.port}/`);
    assert.equal(result.outcome, 'delivered', result.error ?? '');
    assert.deepEqual(at.dns.queries.toSorted(), ['A rebind.test', 'AAAA rebind.test']);
    assert.deepEqual(sender.loopback.offered, [[ALLOWED]]);
    at.assertUntouched();
  });

  it('is not resolved again by a socket that asks for it twice', async () => {
    let asked = 0;
    const lists: unknown[] = [];
    const resolver = {
      resolve: async () => {
        asked += 1;
        return asked === 1 ? [PUBLIC, '2606:4700:4700::1111'] : ['10.0.0.1'];
      },
    };
    await using sender = new TestSender({ resolver, openSocket: recording(lists) });
    const result = await sender.post('https://public.test/');
    assert.equal(result.outcome, 'unreachable');
    assert.equal(asked, 1);
    const judged = [
      { address: PUBLIC, family: 4 },
      { address: '2606:4700:4700::1111', family: 6 },
    ];
    assert.deepEqual(lists, [judged, judged]);
  });

  it('is tried at the next address where the first one does not answer', async () => {
    await using receiver = await Receiver.start(ok, '127.0.0.2');
    const resolver = { resolve: () => Promise.resolve(['127.0.0.1', '127.0.0.2']) };
    await using sender = new TestSender({ resolver });
    const result = await sender.post(`http://two.test:${receiver.port}/`);
    assert.equal(result.outcome, 'delivered', result.error ?? '');
  });
});

describe('the connected socket', () => {
  for (const scheme of ['http', 'https']) {
    it(`is destroyed before a byte is written if it went elsewhere: ${scheme}`, async () => {
      await using canary = await Receiver.start(ok, '127.0.0.1');
      await using sender = new TestSender({ allowed: [ALLOWED], openSocket: misled });
      assertBlocked(await sender.post(`${scheme}://${ALLOWED}:${canary.port}/`));
      assert.equal(canary.bytes, 0);
    });
  }

  it('is destroyed also where that address would be allowed, but was not among the answers', async () => {
    await using canary = await Receiver.start(ok, '127.0.0.1');
    await using sender = new TestSender({ openSocket: misled });
    assertBlocked(await sender.post(`http://${ALLOWED}:${canary.port}/`));
    assert.equal(canary.bytes, 0);
  });
});

describe('a socket that is closed before it can say where it went', () => {
  it('is unreachable, not blocked', async () => {
    await using sender = new TestSender({ openSocket: closedAtOnce });
    const result = await sender.post(`http://${ALLOWED}/`);
    assert.equal(result.outcome, 'unreachable');
    assert.equal(result.error, 'The receiver closed the connection at once.');
  });
});

describe('a redirect', () => {
  it('is not followed, wherever it leads', async () => {
    await using canary = await Receiver.start(ok, '127.0.0.1');
    for (const status of [301, 302, 303, 307, 308]) {
      await using receiver = await Receiver.start((socket) => {
        socket.write(
          `HTTP/1.1 ${status} Go\r\nlocation: ${canary.url}\r\ncontent-length: 0\r\n\r\n`,
        );
      });
      await using sender = new TestSender();
      const result = await sender.post(receiver.url);
      assert.equal(result.outcome, 'rejected');
      assert.equal(result.response?.status, status);
      assert.equal(receiver.requests.length, 1);
    }
    assert.equal(canary.sockets.length, 0);
  });
});

/** Opens nothing: asks the look-up twice, keeps what it said, and fails. */
function recording(lists: unknown[]): (options: TcpNetConnectOpts) => Socket {
  return ({ host = '', lookup }) => {
    assert.equal(isIP(host), 0);
    for (let time = 1; time <= 2; time++) {
      lookup?.(host, { all: true }, (_error, list) => lists.push(list));
    }
    const socket = new Socket();
    socket.destroy(Object.assign(new Error('not connected'), { code: 'ECONNREFUSED' }));
    return socket;
  };
}

/** A network that leads elsewhere than it was told: what a wrong look-up or a proxy would do. */
function misled({ port }: TcpNetConnectOpts): Socket {
  return connect({ port, host: '127.0.0.1' });
}

/** Connected and gone again: the system no longer knows the other side. */
function closedAtOnce(): Socket {
  const socket = new Socket();
  setImmediate(() => socket.emit('connect'));
  return socket;
}
