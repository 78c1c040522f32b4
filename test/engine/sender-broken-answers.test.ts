import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Receiver, type Answering } from './receiver.ts';
import { TestSender } from './test-sender.ts';

async function postTo(answering: Answering, timeoutMs?: number) {
  await using receiver = await Receiver.start(answering);
  await using sender = new TestSender();
  return await sender.post(receiver.url, timeoutMs === undefined ? {} : { timeoutMs });
}

/** Success is any 2xx: where the status is known it alone judges, whatever becomes of the body. */
for (const [status, outcome] of [
  [200, 'delivered'],
  [299, 'delivered'],
  [302, 'rejected'],
  [500, 'rejected'],
] as const) {
  describe(`a ${status} whose body does not end well is ${outcome}, with a note`, () => {
    const begun = `HTTP/1.1 ${status} X\r\ncontent-length: 10\r\n\r\nhalf`;

    it('where it drips until the deadline', async () => {
      const result = await postTo((socket) => {
        socket.write(`HTTP/1.1 ${status} X\r\ncontent-length: 9999\r\n\r\nbegun`);
        const timer = setInterval(() => socket.write('x'), 5);
        socket.on('close', () => clearInterval(timer));
      }, 150);
      assert.equal(result.outcome, outcome);
      assert.equal(result.error, 'The answer did not end within 0.15 s.');
      assert.equal(result.response?.status, status);
      assert.match(result.response?.body ?? '', /^begunx*$/);
      assert.ok(result.durationMs >= 149);
    });

    it('where the connection is reset', async () => {
      const result = await postTo((socket) => {
        socket.write(begun, () => setTimeout(() => socket.resetAndDestroy(), 20));
      });
      assert.equal(result.outcome, outcome);
      assert.equal(result.error, 'The receiver reset the connection.');
      assert.equal(result.response?.status, status);
      assert.equal(result.response?.body, 'half');
    });

    it('where it ends early', async () => {
      const result = await postTo((socket) => socket.end(begun));
      assert.equal(result.outcome, outcome);
      assert.equal(result.response?.status, status);
      const sentence = /before its answer was whole|does not fit its Content-Length/;
      assert.match(result.error ?? '', sentence);
    });

    it('where a chunk is none', async () => {
      const head = `HTTP/1.1 ${status} X\r\ntransfer-encoding: chunked\r\n\r\n`;
      const result = await postTo((socket) => socket.write(`${head}zz\r\n`));
      assert.equal(result.outcome, outcome);
      assert.equal(result.response?.status, status);
      assert.equal(result.error, 'The answer is not valid HTTP.');
    });
  });
}

describe('a connection whose answer did not end', () => {
  it('is not used again', async () => {
    await using receiver = await Receiver.start((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf');
    });
    await using sender = new TestSender();
    for (const sockets of [1, 2]) {
      const { outcome } = await sender.post(receiver.url, { timeoutMs: 50 });
      assert.equal(outcome, 'delivered');
      assert.equal(receiver.sockets.length, sockets);
    }
  });
});
