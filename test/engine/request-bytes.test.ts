import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ok, Receiver } from './receiver.ts';
import { TestSender } from './test-sender.ts';

async function sent(headers: Record<string, string>, body = '{}') {
  await using receiver = await Receiver.start(ok);
  await using sender = new TestSender();
  const { outcome, error } = await sender.send({ webhookId: 1, url: receiver.url, headers, body });
  return { outcome, error, requests: receiver.requests };
}

describe('a header of the caller', () => {
  const names = [
    '',
    ' x',
    'x ',
    'x y',
    'x:',
    'x\r\ny',
    'x\n',
    'x\0',
    'x\ty',
    'xé',
    'x€',
    '(x)',
    '"x"',
  ];
  for (const name of names) {
    it(`is refused with the name ${JSON.stringify(name)}`, async () => {
      const { outcome, error, requests } = await sent({ [name]: '1' });
      assert.equal(outcome, 'unreachable');
      assert.equal(error, 'The request has a header or a path that HTTP does not allow.');
      assert.deepEqual(requests, []);
    });
  }

  const values = [
    'a\r\nx: b',
    'a\rb',
    'a\nb',
    'a\r\n\r\nGET / HTTP/1.1',
    '\0',
    '\x01',
    '\x7f',
    '€',
    '\ud800',
  ];
  for (const value of values) {
    it(`is refused with the value ${JSON.stringify(value)}`, async () => {
      const { outcome, error, requests } = await sent({ 'x-one': '1', 'x-two': value });
      assert.equal(outcome, 'unreachable');
      assert.equal(error, 'The request has a header or a path that HTTP does not allow.');
      assert.deepEqual(requests, []);
    });
  }

  for (const name of [
    'content-length',
    'Content-Length',
    'transfer-encoding',
    'connection',
    'keep-alive',
    'expect',
    'upgrade',
    'host',
    'te',
    'trailer',
    'proxy-connection',
  ]) {
    it(`is refused where it is ours to send: ${name}`, async () => {
      const { outcome, error, requests } = await sent({ [name]: '1' });
      assert.equal(outcome, 'unreachable');
      assert.equal(error, 'The request has a header that cannot be sent.');
      assert.deepEqual(requests, []);
    });
  }

  it('may have any other name, and any value of latin1', async () => {
    const headers = { "!#$%&'*+-.^_`|~09azAZ": 'a\tb "c"', 'x-name': 'Jörg', empty: '' };
    const { outcome, requests } = await sent(headers);
    assert.equal(outcome, 'delivered');
    for (const [name, value] of Object.entries(headers)) {
      assert.ok(requests[0]?.includes(`\r\n${name}: ${value}\r\n`), name);
    }
  });
});

describe('a body', () => {
  for (const [what, body] of Object.entries({
    ASCII: '{"name":"Jorg"}',
    latin1: '{"name":"Jörg"}',
    'beyond latin1': '{"name":"Jörg 😀 €"}',
    'with a lone surrogate': '{"name":"\ud800"}',
    'of 256 KiB': `"${'x'.repeat(256 * 1024)}"`,
    'of 256 KiB of latin1': `"${'ö'.repeat(256 * 1024)}"`,
    'of 256 KiB beyond it': `"${'€'.repeat(256 * 1024)}"`,
  })) {
    for (const header of ['ASCII', 'J\xf6rg']) {
      it(`goes out as UTF-8 with its length: ${what}, with a header of ${header}`, async () => {
        const { outcome, requests } = await sent({ 'x-name': header }, body);
        assert.equal(outcome, 'delivered');
        const [head, rest] = requests[0]?.split('\r\n\r\n') ?? [];
        assert.ok(head?.endsWith(`\r\nx-name: ${header}\r\ncontent-length: ${rest?.length}`));
        assert.ok(Buffer.from(rest ?? '', 'latin1').equals(Buffer.from(body, 'utf8')));
      });
    }
  }
});
