import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls';
import { Receiver } from './receiver.ts';
import { TestSender } from './test-sender.ts';

const pem = (name: string) =>
  readFileSync(new URL(`fixtures/${name}.pem`, import.meta.url), 'utf8');

/** An HTTPS receiver that says over what it was reached. */
async function startTls(certificate: string, host = '127.0.0.1') {
  const server: Server = createServer(
    { key: pem('key'), cert: pem(certificate), ALPNProtocols: ['h2', 'http/1.1'] },
    (request, response) => {
      const socket = request.socket as TLSSocket & { servername?: string | false };
      request.resume().on('end', () => {
        response.end(JSON.stringify({ name: socket.servername, protocol: socket.alpnProtocol }));
      });
    },
  );
  server.listen(0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    closeConnections: () => server.closeAllConnections(),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const resolver = { resolve: () => Promise.resolve(['127.0.0.1']) };

describe('a certificate', () => {
  it('that is self-signed is refused', async () => {
    await using receiver = await startTls('trusted');
    await using sender = new TestSender({ resolver });
    const result = await sender.post(`https://webhook.test:${receiver.port}/`);
    assert.equal(result.outcome, 'unreachable');
    assert.equal(result.error, 'The certificate is self-signed.');
  });

  describe('of an authority that the machine trusts', () => {
    // For this process only, and after the test above.
    const before = getCACertificates('default');
    it('is trusted from here', () => {
      setDefaultCACertificates([...before, pem('trusted'), pem('expired')]);
    });

    for (const [host, name] of [
      ['webhook.test', 'webhook.test'],
      ['webhook.test.', 'webhook.test'],
      ['WEBHOOK.test', 'webhook.test'],
      ['127.0.0.1', false],
    ] as const) {
      it(`is taken for ${host}, and HTTP/1.1 is spoken`, async () => {
        await using receiver = await startTls('trusted');
        await using sender = new TestSender({ resolver });
        const url = `https://${host}:${receiver.port}/`;
        for (let n = 1; n <= 2; n++) {
          const result = await sender.post(url);
          assert.equal(result.outcome, 'delivered', result.error ?? '');
          assert.deepEqual(JSON.parse(result.response?.body ?? ''), { name, protocol: 'http/1.1' });
        }
        assert.equal(sender.loopback.offered.length, 1, 'the connection is kept');
      });
    }

    it('is asked for again where the receiver closes a kept connection as it is to be used', async () => {
      await using receiver = await startTls('trusted');
      await using sender = new TestSender({ resolver });
      const url = `https://webhook.test:${receiver.port}/`;
      for (let n = 1; n <= 3; n++) {
        const result = await sender.post(url);
        assert.equal(result.outcome, 'delivered', result.error ?? '');
        await turn();
        receiver.closeConnections();
      }
      assert.equal(sender.loopback.offered.length, 3);
    });

    for (const host of ['other.test', '127.0.0.2']) {
      it(`is refused for ${host}`, async () => {
        await using receiver = await startTls('trusted', host === '127.0.0.2' ? host : '127.0.0.1');
        await using sender = new TestSender({ resolver });
        const result = await sender.post(`https://${host}:${receiver.port}/`);
        assert.equal(result.outcome, 'unreachable');
        assert.equal(result.error, 'The certificate is for another host.');
      });
    }

    it('is refused when it has expired', async () => {
      await using receiver = await startTls('expired');
      await using sender = new TestSender({ resolver });
      const result = await sender.post(`https://webhook.test:${receiver.port}/`);
      assert.equal(result.error, 'The certificate has expired.');
    });
  });
});

describe('a receiver that does not speak TLS', () => {
  it('is unreachable', async () => {
    await using receiver = await Receiver.start(() => {});
    await using sender = new TestSender();
    const posted = sender.post(receiver.url.replace('http:', 'https:'));
    while (receiver.sockets.length === 0) await new Promise(setImmediate);
    receiver.sockets[0]?.write('HTTP/1.1 400 No\r\n\r\n');
    const result = await posted;
    assert.equal(result.outcome, 'unreachable');
    assert.match(result.error ?? '', /^The TLS handshake failed \(ERR_SSL_\w+\)\.$/);
  });

  it('but hangs up is unreachable', async () => {
    await using receiver = await Receiver.start(() => {});
    await using sender = new TestSender();
    const posted = sender.post(receiver.url.replace('http:', 'https:'));
    while (receiver.sockets.length === 0) await new Promise(setImmediate);
    receiver.sockets[0]?.end();
    const result = await posted;
    assert.equal(result.outcome, 'unreachable');
    assert.equal(result.error, 'The receiver reset the connection.');
  });
});
