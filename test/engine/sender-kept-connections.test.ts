import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { answered, connectionsTo } from './bare-connections.ts';
import { ok, Receiver } from './receiver.ts';
import { TestSender } from './test-sender.ts';

describe('a kept connection', () => {
  it('that the receiver has closed is not used', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    for (let n = 1; n <= 3; n++) {
      assert.equal((await sender.post(receiver.url)).outcome, 'delivered');
      const socket = receiver.sockets[n - 1] ?? assert.fail();
      const closed = once(socket, 'close');
      socket.end();
      await closed;
      await turn();
    }
    assert.equal(receiver.requests.length, 3);
  });

  it('that the receiver resets as the next request begins costs nothing', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    assert.equal((await sender.post(receiver.url)).outcome, 'delivered');
    // From here the network is looked at once before the next request is written.
    await turn();
    receiver.sockets[0]?.resetAndDestroy();
    const result = await sender.post(receiver.url);
    assert.equal(result.outcome, 'delivered', result.error ?? '');
    assert.equal(receiver.requests.length, 2);
  });

  it('that the receiver closes as the next request begins costs nothing', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    assert.equal((await sender.post(receiver.url)).outcome, 'delivered');
    await turn();
    receiver.sockets[0]?.end();
    const result = await sender.post(receiver.url);
    assert.equal(result.outcome, 'delivered', result.error ?? '');
    assert.equal(receiver.requests.length, 2);
    assert.equal(receiver.sockets.length, 2);
  });

  it('that brings an answer as the next request begins gives it to nobody', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    assert.equal((await sender.post(receiver.url)).outcome, 'delivered');
    await turn();
    receiver.sockets[0]?.write('HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n');
    assert.equal((await sender.post(receiver.url)).response?.status, 200);
    assert.equal(receiver.requests.length, 2);
    assert.equal(receiver.sockets.length, 2);
  });

  it('that is closed as the next request begins is not waited for by others', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    const posts = () => Promise.all(Array.from({ length: 20 }, () => sender.post(receiver.url)));
    await posts();
    await turn();
    for (const socket of receiver.sockets.slice(0, 10)) socket.resetAndDestroy();
    for (const { outcome, error } of await posts()) assert.equal(outcome, 'delivered', error ?? '');
    assert.equal(receiver.requests.length, 40);
    assert.equal(receiver.sockets.length, 30);
  });

  it('that is reset once a request was written costs an attempt, and nothing is sent again', async () => {
    await using receiver = await Receiver.start((socket, request) => {
      if (receiver.requests.length === 1) ok(socket, request);
      else socket.resetAndDestroy();
    });
    await using sender = new TestSender();
    assert.equal((await sender.post(receiver.url)).outcome, 'delivered');
    const result = await sender.post(receiver.url);
    assert.equal(result.outcome, 'unreachable');
    assert.equal(result.error, 'The receiver reset the connection.');
    assert.equal(receiver.requests.length, 2);
  });

  it('on which the answer came before the request was sent is not used', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.pause().write('HTTP/1.1 413 No\r\ncontent-length: 0\r\n\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    let sockets = 0;
    server.on('connection', () => (sockets += 1));
    await using sender = new TestSender();
    const { port } = server.address() as AddressInfo;
    const request = {
      webhookId: 1,
      url: `http://127.0.0.1:${port}/`,
      headers: {},
      // More than the system takes in for a receiver that does not read.
      body: 'x'.repeat(32 * 1024 * 1024),
    };
    assert.equal((await sender.send(request)).response?.status, 413);
    assert.equal((await sender.send(request)).response?.status, 413);
    assert.equal(sockets, 2);
    server.close();
  });

  it('has no more listeners after many requests than after one', async () => {
    const opened: Socket[] = [];
    await using receiver = await Receiver.start(ok);
    const { open } = new TestSender().loopback;
    await using sender = new TestSender({
      openSocket: (options) => {
        const socket = open(options);
        opened.push(socket);
        return socket;
      },
    });
    const listeners = () =>
      opened.map((socket) => socket.eventNames().map((name) => socket.listenerCount(name)));
    await sender.post(receiver.url);
    const before = listeners();
    for (let n = 1; n <= 20; n++) await sender.post(receiver.url);
    assert.equal(opened.length, 1);
    assert.deepEqual(listeners(), before);
  });

  it('is kept no longer than the receiver says, a second less', async () => {
    await using receiver = await Receiver.start((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nkeep-alive: timeout=3\r\ncontent-length: 0\r\n\r\n');
    });
    const connections = connectionsTo(receiver, 4_000);
    const connection = await answered(connections, 1, receiver.url);
    connections.release(connection, 10_000);
    assert.equal(connection.usableUntil, 12_000);
    await connections.close();
  });

  it('whose time is over is not used, though nothing has swept', async () => {
    await using receiver = await Receiver.start(ok);
    const connections = connectionsTo(receiver, 60_000);
    const stale = await answered(connections, 1, receiver.url);
    connections.release(stale, performance.now() - 60_000);
    const fresh = await answered(connections, 1, receiver.url);
    assert.notEqual(fresh, stale);
    assert.equal(stale.destroyed, true);
    connections.discard(fresh);
    await connections.close();
  });

  it('that the receiver announces to close is not used', async () => {
    await using receiver = await Receiver.start((socket) => {
      socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok');
    });
    await using sender = new TestSender();
    for (let n = 1; n <= 3; n++)
      assert.equal((await sender.post(receiver.url)).outcome, 'delivered');
    assert.equal(receiver.sockets.length, 3);
  });

  it('that the receiver keeps for less than a second is not used', async () => {
    await using receiver = await Receiver.start((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok');
    });
    await using sender = new TestSender();
    await sender.post(receiver.url);
    await sender.post(receiver.url);
    assert.equal(receiver.sockets.length, 2);
  });

  it('with a stray second answer does not give it to the next request', async () => {
    const refusal = 'HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n';
    let stray = true;
    await using receiver = await Receiver.start((socket) => {
      socket.write(stray ? `${refusal}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n` : refusal);
      stray = false;
    });
    await using sender = new TestSender();
    assert.equal((await sender.post(receiver.url)).response?.status, 500);
    assert.equal((await sender.post(receiver.url)).response?.status, 500);
  });

  it('whose request failed is not used', async () => {
    let first = true;
    await using receiver = await Receiver.start((socket, request) => {
      if (!first) ok(socket, request);
      first = false;
    });
    await using sender = new TestSender();
    assert.equal((await sender.post(receiver.url, { timeoutMs: 50 })).outcome, 'timed_out');
    assert.equal((await sender.post(receiver.url)).outcome, 'delivered');
    assert.equal(receiver.sockets.length, 2);
  });
});
