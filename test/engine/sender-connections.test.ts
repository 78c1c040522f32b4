import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Connection } from '../../src/engine/wire/connection.ts';
import { answered, connectionsTo } from './bare-connections.ts';
import { ok, Receiver } from './receiver.ts';
import { TestSender } from './test-sender.ts';

describe('what goes over the wire', () => {
  it("is exactly the caller's headers with host, connection and content-length", async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    await sender.send({
      webhookId: 1,
      url: `${receiver.url}a%20b/ü?x=1&y=%00#fragment`,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Posthorn/1.2.3',
        'webhook-id': 'evt_1',
        'X-Mixed-Case': 'Kept As Is',
      },
      body: '{"name":"Jörg 😀"}',
    });
    assert.deepEqual(receiver.requests, [
      [
        'POST /a%20b/%C3%BC?x=1&y=%00 HTTP/1.1',
        `host: 127.0.0.1:${receiver.port}`,
        'connection: keep-alive',
        'content-type: application/json',
        'user-agent: Posthorn/1.2.3',
        'webhook-id: evt_1',
        'X-Mixed-Case: Kept As Is',
        'content-length: 21',
        '',
        Buffer.from('{"name":"Jörg 😀"}').toString('latin1'),
      ].join('\r\n'),
    ]);
  });

  it('has a length also where the body is empty', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    await sender.send({ webhookId: 1, url: receiver.url, headers: {}, body: '' });
    assert.match(receiver.requests[0] ?? '', /\r\ncontent-length: 0\r\n\r\n$/);
  });

  it('leaves user and password of a URL out', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    await sender.post(receiver.url.replace('//', '//user:password@'));
    assert.doesNotMatch(receiver.requests[0] ?? '', /authorization|user:|password/i);
  });
});

describe('connections', () => {
  it('are kept for the next request of the same webhook', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    for (let n = 1; n <= 5; n++)
      assert.equal((await sender.post(receiver.url)).outcome, 'delivered');
    assert.equal(receiver.sockets.length, 1);
    assert.equal(receiver.requests.length, 5);
  });

  it('are kept across paths of one origin', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    await sender.post(`${receiver.url}one`);
    await sender.post(`${receiver.url}two`);
    assert.equal(receiver.sockets.length, 1);
    assert.match(receiver.requests[1] ?? '', /^POST \/two /);
  });

  it('are not shared by two webhooks of one origin', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    await sender.post(receiver.url, { webhookId: 1 });
    await sender.post(receiver.url, { webhookId: 2 });
    assert.equal(receiver.sockets.length, 2);
  });

  it('carry one request at a time', async () => {
    let open = 0;
    const answers: (() => void)[] = [];
    const all = Promise.withResolvers<void>();
    await using receiver = await Receiver.start((socket, request) => {
      answers.push(() => ok(socket, request));
      open += 1;
      if (open === 10) all.resolve();
    });
    await using sender = new TestSender();
    const results = Array.from({ length: 10 }, () => sender.post(receiver.url));
    await all.promise;
    assert.equal(receiver.sockets.length, 10);
    for (const answer of answers) answer();
    await Promise.all(results);
  });

  it('read into one buffer without mixing what they read', async () => {
    const asked: Socket[] = [];
    const all = Promise.withResolvers<void>();
    await using receiver = await Receiver.start((socket) => {
      if (asked.push(socket) === 8) all.resolve();
    });
    await using sender = new TestSender();
    const posts = Array.from({ length: 8 }, () => sender.post(receiver.url));
    await all.promise;
    const parts = [
      'HTTP/1.1 200 OK\r\nx-',
      'n: N\r\ncontent-len',
      'gth: 8\r\n\r\nNN',
      'NNN',
      'NNN',
    ];
    for (const part of parts) {
      for (const [index, socket] of asked.entries()) socket.write(part.replaceAll('N', `${index}`));
      await turn();
    }
    const bodies = (await Promise.all(posts)).map(({ response }) => {
      assert.equal(response?.body, String(response?.headers['x-n']).repeat(8));
      return response?.body;
    });
    assert.equal(new Set(bodies).size, 8);
  });

  it('of a hanging webhook hold up no other one of the same origin', async () => {
    await using receiver = await Receiver.start((socket, request) => {
      if (!request.startsWith('POST /hang')) ok(socket, request);
    });
    await using sender = new TestSender();
    const hanging = Array.from({ length: 20 }, () =>
      sender.post(`${receiver.url}hang`, { webhookId: 1, timeoutMs: 200 }),
    );
    assert.equal((await sender.post(receiver.url, { webhookId: 2 })).outcome, 'delivered');
    for (const result of await Promise.all(hanging)) assert.equal(result.outcome, 'timed_out');
  });

  it('go when the webhook moves to another origin', async () => {
    await using one = await Receiver.start(ok, '127.0.0.1');
    await using two = await Receiver.start(ok, '127.0.0.2');
    await using sender = new TestSender();
    await sender.post(one.url);
    const closed = once(one.sockets[0] ?? assert.fail(), 'close');
    await sender.post(two.url);
    await closed;
    assert.equal(two.requests.length, 1);
  });

  it('go when the webhook is forgotten: idle ones at once, busy ones after their answer', async () => {
    const asked = Promise.withResolvers<() => void>();
    await using receiver = await Receiver.start((socket, request) => {
      if (request.startsWith('POST /slow')) asked.resolve(() => ok(socket, request));
      else ok(socket, request);
    });
    await using sender = new TestSender();
    const slow = sender.post(`${receiver.url}slow`);
    const answer = await asked.promise;
    await sender.post(receiver.url);
    const [busy, idle] = receiver.sockets.map((socket) => once(socket, 'close'));
    sender.sender.forget(1);
    await idle;
    answer();
    assert.equal((await slow).outcome, 'delivered');
    await busy;
  });

  it('go when the sender is closed, after which it still answers', async () => {
    await using receiver = await Receiver.start(ok);
    await using sender = new TestSender();
    await sender.post(receiver.url);
    const closed = once(receiver.sockets[0] ?? assert.fail(), 'close');
    await sender.sender.close();
    await closed;
    assert.equal((await sender.post(receiver.url)).outcome, 'delivered');
    await once(receiver.sockets[1] ?? assert.fail(), 'close');
  });

  it('go with their webhook when they have been idle', async () => {
    await using receiver = await Receiver.start(ok);
    const connections = connectionsTo(receiver, 40);
    connections.release(await answered(connections, 1, receiver.url), performance.now());
    assert.equal(connections.size, 1);
    await once(receiver.sockets[0] ?? assert.fail(), 'close');
    while (connections.size > 0) await new Promise((again) => setTimeout(again, 10));
    await connections.close();
  });
});

describe('idle connections', () => {
  it('are bounded in all, however many webhooks there are', async () => {
    await using receiver = await Receiver.start(ok);
    const connections = connectionsTo(receiver, 60_000);
    const used = (webhookId: number) => answered(connections, webhookId, receiver.url);
    const release = (connection: Connection) => connections.release(connection, performance.now());
    const all = await Promise.all(Array.from({ length: 1_100 }, (_, id) => used(id)));
    for (const connection of all) release(connection);
    assert.equal(all.filter(({ destroyed }) => destroyed).length, 100);
    const again = await used(1);
    assert.ok(all.includes(again), 'it was kept');
    release(again);
    assert.equal(again.destroyed, false, 'one that is taken makes room');
    connections.forget(2);
    const fresh = await used(2_000);
    release(fresh);
    assert.equal(fresh.destroyed, false, 'one that is forgotten makes room');
    const closed = once(receiver.sockets[0] ?? assert.fail(), 'close');
    receiver.sockets[0]?.end();
    await closed;
    await turn();
    const another = await used(2_001);
    release(another);
    assert.equal(another.destroyed, false, 'one that the receiver has closed makes room');
    const last = await used(2_002);
    release(last);
    assert.equal(last.destroyed, true, 'and no more room than its own');
    await connections.close();
  });
});
