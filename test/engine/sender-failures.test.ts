import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { DnsServer } from './dns-server.ts';
import { ok, Receiver, type Answering } from './receiver.ts';
import { TestSender } from './test-sender.ts';

const SECRET = 'hook?token=secret';

async function postTo(answering: Answering, timeoutMs?: number) {
  await using receiver = await Receiver.start(answering);
  await using sender = new TestSender();
  return await sender.post(receiver.url + SECRET, timeoutMs === undefined ? {} : { timeoutMs });
}

describe('a receiver that takes too long', () => {
  it('without an answer is timed out', async () => {
    const result = await postTo(() => {}, 150);
    assert.equal(result.outcome, 'timed_out');
    assert.equal(result.error, 'No answer within 0.15 s.');
    assert.equal(result.response, null);
    assert.ok(result.durationMs >= 149);
  });

  it('with its headers is timed out', async () => {
    const result = await postTo(drip('HTTP/1.1 200 OK\r\nx-slow: '), 150);
    assert.equal(result.outcome, 'timed_out');
    assert.equal(result.error, 'No answer within 0.15 s.');
  });

  it('with announcements without end is timed out', async () => {
    const result = await postTo(drip('', 'HTTP/1.1 103 Early Hints\r\n\r\n'), 150);
    assert.equal(result.outcome, 'timed_out');
    assert.equal(result.response, null);
  });

  it('loses its connection', async () => {
    const closed = Promise.withResolvers<void>();
    await using receiver = await Receiver.start((socket) => {
      socket.on('close', () => closed.resolve());
    });
    await using sender = new TestSender();
    await sender.post(receiver.url, { timeoutMs: 50 });
    await closed.promise;
  });

  it("has the sender's own deadline where the request has none", async () => {
    await using receiver = await Receiver.start(() => {});
    await using sender = new TestSender({ requestTimeoutMs: 50 });
    assert.equal((await sender.post(receiver.url)).error, 'No answer within 0.05 s.');
  });
});

describe('a connection that does not come about', () => {
  it('in the time of the whole request is given up with it', async () => {
    const sockets: Socket[] = [];
    const openSocket = () => {
      const socket = openToNowhere();
      sockets.push(socket);
      return socket;
    };
    await using sender = new TestSender({ openSocket });
    const result = await sender.post('http://127.0.0.1/', { timeoutMs: 50 });
    assert.equal(result.error, 'No answer within 0.05 s.');
    assert.deepEqual(
      sockets.map(({ destroyed }) => destroyed),
      [true],
    );
  });

  it('because the receiver does not take it up is timed out', async () => {
    await using sender = new TestSender({ openSocket: openToNowhere, connectTimeoutMs: 50 });
    const result = await sender.post('http://127.0.0.1/');
    assert.equal(result.outcome, 'timed_out');
    assert.equal(result.error, 'No connection within 0.05 s.');
  });

  it('because the receiver does not speak TLS in time is timed out', async () => {
    await using receiver = await Receiver.start(() => {});
    await using sender = new TestSender({ connectTimeoutMs: 50 });
    const result = await sender.post(receiver.url.replace('http:', 'https:'));
    assert.equal(result.outcome, 'timed_out');
    assert.equal(result.error, 'No connection within 0.05 s.');
  });

  it('because it is refused is unreachable', async () => {
    const receiver = await Receiver.start(ok);
    const { url, port } = receiver;
    await receiver[Symbol.asyncDispose]();
    await using sender = new TestSender();
    const result = await sender.post(url + SECRET);
    assert.equal(result.outcome, 'unreachable');
    assert.equal(result.error, `Connection refused by 127.0.0.1:${port}.`);
  });

  it('because all addresses of a name refuse it is unreachable', async () => {
    const receiver = await Receiver.start(ok);
    const { port } = receiver;
    await receiver[Symbol.asyncDispose]();
    const resolver = { resolve: () => Promise.resolve(['127.0.0.1', '127.0.0.2']) };
    await using sender = new TestSender({ resolver });
    const result = await sender.post(`http://two.test:${port}/`);
    assert.equal(result.outcome, 'unreachable');
    assert.equal(result.error, `Connection refused by 127.0.0.2:${port}.`);
  });
});

describe('a name', () => {
  it('that DNS does not know is unreachable', async () => {
    await using dns = await DnsServer.start({});
    await using sender = new TestSender({ dns: { servers: [dns.address] } });
    const result = await sender.post('http://gone.test/');
    assert.equal(result.outcome, 'unreachable');
    assert.equal(result.error, 'The name gone.test does not exist.');
  });

  it('that DNS does not answer for is timed out', async () => {
    await using dns = await DnsServer.start({ 'silent.test': { silent: true } });
    await using sender = new TestSender({ dns: { servers: [dns.address] }, connectTimeoutMs: 50 });
    const result = await sender.post('http://silent.test/');
    assert.equal(result.outcome, 'timed_out');
    assert.equal(result.error, 'No address of silent.test within 0.05 s.');
  });

  it('is unreachable where no DNS server can be asked', async () => {
    await using sender = new TestSender();
    const result = await sender.post('http://any.test/');
    assert.equal(result.outcome, 'unreachable');
    assert.equal(result.error, 'No DNS server could be asked for any.test.');
  });

  it('that is slow holds up nothing else', async () => {
    const zones = Object.fromEntries(
      Array.from({ length: 8 }, (_, n) => [`slow${n}.test`, { silent: true }]),
    );
    await using dns = await DnsServer.start(zones);
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender({ dns: { servers: [dns.address] } });
    let ended = 0;
    const slow = Object.keys(zones).map(async (name, index) => {
      await sender.post(`http://${name}/`, { webhookId: 10 + index, timeoutMs: 300 });
      ended += 1;
    });
    const results = [await sender.post(receiver.url), await sender.post(receiver.url)];
    assert.deepEqual(
      results.map(({ outcome }) => outcome),
      ['delivered', 'delivered'],
    );
    assert.equal(ended, 0, 'the slow ones are still waiting');
    await Promise.all(slow);
  });
});

describe('an answer that is none', () => {
  const cases: Record<string, [answer: string, sentence: RegExp]> = {
    garbage: ['\x01\x02 no HTTP\r\n\r\n', /^The answer is not valid HTTP\.$/],
    'another protocol': ['SSH-2.0-OpenSSH_9.6\r\n', /^The answer is not valid HTTP\.$/],
    'HTTP/2': ['\0\0\x12\x04\0\0\0\0\0', /^The answer is not valid HTTP\.$/],
    'a NUL in a header': ['HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n', /^The answer is not valid HTTP\.$/],
    'an unasked 100': ['HTTP/1.1 100 Continue\r\n\r\n', /^The receiver answered 100 or 101/],
    'an unasked change of protocol': [
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      /^The receiver answered 100 or 101/,
    ],
  };
  for (const [what, [answer, sentence]] of Object.entries(cases)) {
    it(`is unreachable: ${what}`, async () => {
      const result = await postTo((socket) => socket.write(Buffer.from(answer, 'latin1')));
      assert.equal(result.outcome, 'unreachable');
      assert.match(result.error ?? '', sentence);
    });
  }

  it('is unreachable where the connection closes first', async () => {
    for (const begun of ['', 'HTTP/1.1 200', 'HTTP/1.1 200 OK\r\nx-one: 1\r\n']) {
      const result = await postTo((socket) => socket.end(begun));
      assert.equal(result.outcome, 'unreachable');
      assert.equal(result.response, null);
      assert.equal(result.error, 'The receiver closed the connection before its answer was whole.');
    }
  });

  it('is unreachable where the connection is reset', async () => {
    const result = await postTo((socket) => void socket.resetAndDestroy());
    assert.equal(result.outcome, 'unreachable');
    assert.equal(result.error, 'The receiver reset the connection.');
  });
});

describe('a request that cannot be made', () => {
  for (const url of ['', 'hook', 'ftp://127.0.0.1/', 'http://', 'file:///etc/passwd']) {
    it(`is an outcome too: ${JSON.stringify(url)}`, async () => {
      await using sender = new TestSender();
      const result = await sender.post(url);
      assert.equal(result.outcome, 'unreachable');
      assert.equal(result.error, 'The URL is none that can be sent to.');
    });
  }

  it('because of a header is an outcome too, and injects nothing', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    for (const headers of [{ 'x-one': 'a\r\nx-two: b' }, { 'x one': 'a' }, { expect: 'x' }]) {
      const request = { webhookId: 1, url: receiver.url, headers, body: '{}' };
      const result = await sender.send(request);
      assert.equal(result.outcome, 'unreachable');
      assert.match(result.error ?? '', /^The request has a header/);
    }
    assert.deepEqual(receiver.requests, []);
  });
});

describe('an error', () => {
  it('never holds the path, the query, headers or the body', async () => {
    const answers: Answering[] = [
      (socket) => socket.write('garbage'),
      (socket) => socket.end(),
      (socket) => void socket.resetAndDestroy(),
      () => {},
    ];
    for (const answer of answers) {
      const { error } = await postTo(answer, 50);
      assert.doesNotMatch(error ?? '', /secret|token|hook|garbage|SENT|Posthorn/);
    }
  });
});

/** A socket that never connects: what a network that drops packets looks like. */
function openToNowhere(): Socket {
  return connect({ port: 1, lookup: () => {}, host: 'silent.test' });
}

/** Begins, and then goes on without an end. */
function drip(begin: string, drop = 'x'): Answering {
  return (socket) => {
    socket.write(begin);
    const timer = setInterval(() => socket.write(drop), 5);
    socket.on('close', () => clearInterval(timer));
  };
}
