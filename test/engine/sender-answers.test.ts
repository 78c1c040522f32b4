import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Receiver } from './receiver.ts';
import { TestSender } from './test-sender.ts';

/** What the sender makes of an answer that is these bytes, after which the connection stays open. */
async function answerTo(bytes: string | Buffer, { close = false } = {}) {
  await using receiver = await Receiver.start((socket) => {
    socket.write(bytes);
    if (close) socket.end();
  });
  await using sender = new TestSender();
  return await sender.post(receiver.url);
}

const head = (length: number, more = '') =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n${more}\r\n`;

const withBody = (body: string | Buffer, more = '') => {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(head(bytes.length, more)), bytes]);
};

describe('the status', () => {
  for (const status of [200, 201, 202, 204, 206, 299]) {
    it(`${status} is delivered`, async () => {
      const result = await answerTo(`HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`);
      assert.equal(result.outcome, 'delivered');
      assert.equal(result.response?.status, status);
      assert.equal(result.error, null);
    });
  }

  for (const status of [300, 304, 400, 401, 404, 410, 429, 500, 503, 599, 999]) {
    it(`${status} is rejected`, async () => {
      const result = await answerTo(`HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`);
      assert.equal(result.outcome, 'rejected');
      assert.equal(result.response?.status, status);
      assert.equal(result.error, null);
    });
  }

  it('is that of the answer, not of what announced it', async () => {
    const early = 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n';
    const result = await answerTo(`${early}HTTP/1.1 500 No\r\ncontent-length: 1\r\n\r\nx`);
    assert.equal(result.outcome, 'rejected');
    assert.equal(result.response?.status, 500);
    assert.equal(result.response?.headers['link'], undefined);
  });

  it('counts where a 204 wrongly brings a body', async () => {
    const result = await answerTo('HTTP/1.1 204 X\r\ncontent-length: 5\r\n\r\nstray');
    assert.equal(result.outcome, 'delivered');
    assert.equal(result.response?.body, '');
  });
});

describe('the body', () => {
  it('may come in chunks, with trailers', async () => {
    const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
    const result = await answerTo(`${chunked}3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-after: 1\r\n\r\n`);
    assert.equal(result.outcome, 'delivered');
    assert.equal(result.response?.body, 'abcde');
  });

  it('may end with the connection', async () => {
    const result = await answerTo('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc', {
      close: true,
    });
    assert.equal(result.outcome, 'delivered');
    assert.equal(result.response?.body, 'abc');
  });

  it('is kept up to 4 KiB', async () => {
    const whole = await answerTo(withBody('x'.repeat(4096)));
    assert.equal(whole.response?.body, 'x'.repeat(4096));
    const longer = await answerTo(withBody('x'.repeat(4097)));
    assert.equal(longer.response?.body, 'x'.repeat(4096));
    assert.equal(longer.outcome, 'delivered');
  });

  for (const size of [1, 7, 1_000, 4_095]) {
    it(`is the same in pieces of ${size} bytes`, async () => {
      const text = 'Ünïcödé € 😀 '.repeat(700);
      const bytes = Buffer.from(text).subarray(0, 9_000);
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => {
        const piece = bytes.subarray(index * size, (index + 1) * size);
        return Buffer.concat([
          Buffer.from(`${piece.length.toString(16)}\r\n`),
          piece,
          Buffer.from('\r\n'),
        ]);
      });
      const result = await answerTo(
        Buffer.concat([
          Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'),
          ...pieces,
          Buffer.from('0\r\n\r\n'),
        ]),
      );
      const body = result.response?.body ?? '';
      assert.ok(text.startsWith(body), 'no character is cut or changed');
      assert.ok(Buffer.byteLength(body) > 4_092 && Buffer.byteLength(body) <= 4_096);
    });
  }

  for (const character of ['é', '€', '😀']) {
    it(`is not cut inside a character: ${character}`, async () => {
      const width = Buffer.byteLength(character);
      for (let before = 4_096 - width; before <= 4_096; before++) {
        const result = await answerTo(withBody('x'.repeat(before) + character + 'rest'));
        const fits = before + width <= 4_096;
        assert.equal(result.response?.body, 'x'.repeat(before) + (fits ? character : ''));
      }
    });
  }

  it('is text that any store can hold', async () => {
    const surrogate = Buffer.from([0xed, 0xa0, 0x80]);
    const bytes = Buffer.concat([Buffer.from('a\0b'), Buffer.from([0xff, 0xc3]), surrogate]);
    const body = (await answerTo(withBody(bytes))).response?.body ?? '';
    assert.ok(body.startsWith('a\ufffdb\ufffd'));
    assert.ok(body.isWellFormed());
    assert.doesNotMatch(body, /\0/);
  });

  it('is not inflated', async () => {
    const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024));
    const result = await answerTo(withBody(bomb, 'content-encoding: gzip\r\n'));
    assert.equal(result.outcome, 'delivered');
    assert.ok((result.response?.body.length ?? 0) <= 4_096);
    assert.equal(result.response?.headers['content-encoding'], 'gzip');
  });

  it('of megabytes is not read: the connection is cut and the status counts', async () => {
    let written = 0;
    const closed = Promise.withResolvers<void>();
    await using receiver = await Receiver.start((socket) => {
      socket.on('close', () => closed.resolve());
      socket.write('HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n');
      const block = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`);
      const more = (): void => {
        while (!socket.destroyed && socket.write(block)) written += block.length;
        socket.once('drain', more);
      };
      more();
    });
    await using sender = new TestSender();
    const result = await sender.post(receiver.url);
    assert.equal(result.outcome, 'rejected');
    assert.equal(result.response?.status, 500);
    assert.equal(result.response?.body, 'x'.repeat(4_096));
    await closed.promise;
    assert.ok(written < 32 * 1024 * 1024, `${written} bytes were taken from the receiver`);
  });

  it('of exactly 16 KiB leaves the connection in use, one byte more does not', async () => {
    for (const [size, sockets] of [
      [16 * 1024, 1],
      [16 * 1024 + 1, 2],
    ] as const) {
      await using receiver = await Receiver.start((socket) => {
        socket.write(withBody('x'.repeat(size)));
      });
      await using sender = new TestSender();
      assert.equal((await sender.post(receiver.url)).outcome, 'delivered');
      assert.equal((await sender.post(receiver.url)).outcome, 'delivered');
      assert.equal(receiver.sockets.length, sockets);
    }
  });
});

describe('the headers', () => {
  it('are kept in lower case, several of one name as a list', async () => {
    const result = await answerTo(head(0, 'X-One: 1\r\nset-cookie: a\r\nSet-Cookie: b\r\n'));
    assert.deepEqual(result.response?.headers, {
      'content-length': '0',
      'x-one': '1',
      'set-cookie': ['a', 'b'],
    });
  });

  it('are kept byte by byte as latin1', async () => {
    const result = await answerTo(Buffer.from(head(0, 'x-name: J\xf6rg\r\n'), 'latin1'));
    assert.equal(result.response?.headers['x-name'], 'J\xf6rg');
  });

  it('are kept up to 8 KiB in all', async () => {
    const many = Array.from({ length: 100 }, (_, n) => `x-${n}: ${'v'.repeat(100)}\r\n`).join('');
    const { outcome, response } = await answerTo(head(0, many));
    assert.equal(outcome, 'delivered');
    const kept = Object.entries(response?.headers ?? {});
    const size = kept.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    assert.ok(size <= 8_192 && size > 7_900, `${size} bytes are kept`);
  });

  it('may have any name', async () => {
    const result = await answerTo(head(0, '__proto__: x\r\nconstructor: y\r\n__proto__: z\r\n'));
    const headers = result.response?.headers ?? {};
    assert.deepEqual(Object.entries(headers).slice(1), [
      ['__proto__', ['x', 'z']],
      ['constructor', 'y'],
    ]);
  });

  for (const [what, flood] of [
    ['one long value', `x-flood: ${'v'.repeat(20_000)}\r\n`],
    ['many names', Array.from({ length: 2_000 }, (_, n) => `x-flood-${n}: v\r\n`).join('')],
  ] as const) {
    it(`are no usable answer beyond 16 KiB: ${what}`, async () => {
      const result = await answerTo(head(0, flood));
      assert.equal(result.outcome, 'unreachable');
      assert.equal(result.error, "The answer's headers are too large.");
      assert.equal(result.response, null);
    });
  }

  it('without an end are no usable answer either', async () => {
    await using receiver = await Receiver.start((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => socket.write(`x: ${'v'.repeat(4_000)}\r\n`), 1);
      socket.on('close', () => clearInterval(timer));
    });
    await using sender = new TestSender();
    const result = await sender.post(receiver.url);
    assert.equal(result.error, "The answer's headers are too large.");
  });
});
