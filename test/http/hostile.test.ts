import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { once } from 'node:events';
import { after, afterEach, before, describe, it } from 'node:test';
import { ApiServer, KEY, type CallOptions } from './api-server.ts';

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
});
after(() => server[Symbol.asyncDispose]());
afterEach(() => server.assertStillAnswers());

const MALFORMED: readonly [what: string, raw: string | Uint8Array<ArrayBuffer>][] = [
  ['no JSON', 'nonsense'],
  ['cut off', '{"a":'],
  ['two values', '{}{}'],
  ['a single quote', "{'a':1}"],
  ['a comment', '{}//'],
  ['NaN', '{"a":NaN}'],
  ['blank', '   '],
  ['10,000 levels of lists', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
  ['10,000 levels of objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
  ['65 levels', `${'['.repeat(65)}${']'.repeat(65)}`],
  ['100,000 opened lists', '['.repeat(100_000)],
  ['a NUL in text', '{"a":"x\\u0000y"}'],
  ['a NUL in a name', '{"x\\u0000y":1}'],
  ['a NUL deep inside', '{"a":[{"b":["\\u0000"]}]}'],
  ['a raw NUL', '{"a":"\0"}'],
  ['a lone high surrogate', '{"a":"\\ud800"}'],
  ['a lone low surrogate', '{"a":"\\udc00x"}'],
  ['surrogates the wrong way round', '{"a":"\\udc00\\ud800"}'],
  ['a lone surrogate in a name', '{"\\ud83d":1}'],
  ['a number beyond any double', '{"a":1e999}'],
  ['a negative number beyond any double', '[-1e400]'],
  ['invalid UTF-8', Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ['overlong UTF-8', Uint8Array.from([0x22, 0xc0, 0x80, 0x22])],
  ['a surrogate in UTF-8', Uint8Array.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ['UTF-16', new Uint8Array(Buffer.from('{"a":1}', 'utf16le'))],
];

describe('a body that is malformed', () => {
  for (const [what, raw] of MALFORMED) {
    it(`is a 400: ${what}`, async () => {
      for (const path of ['/webhook/create', '/events']) {
        const { status, json } = await server.call('POST', path, undefined, { raw });
        assert.equal(status, 400, path);
        assert.equal(json['code'], 'malformed_json');
      }
    });
  }

  it('is a 400 also with 1,000,000 lists, opened only or closed too', async () => {
    const opened = '['.repeat(1_000_000);
    for (const raw of [opened, opened + ']'.repeat(1_000_000)]) {
      const { status } = await server.call('POST', '/events', undefined, { raw });
      assert.equal(status, 400);
    }
  });

  it('spoils a whole list of events', async () => {
    const raw = `[{"event_type":"SENT","campaign_id":1,"lead_email":"a@b"},{"x":"\\u0000"}]`;
    assert.equal((await server.call('POST', '/events', undefined, { raw })).status, 400);
  });

  it('is told where the parser says so', async () => {
    const { json } = await server.call('POST', '/events', undefined, { raw: '{\n  "a": 1,\n}' });
    assert.equal(json['error'], 'The body is not valid JSON (line 3, column 1)');
  });
});

describe('an event that is wrong', () => {
  const event = { event_type: 'SENT', campaign_id: 1, lead_email: 'a@b' };
  const wrong: readonly [what: string, changes: Record<string, unknown>, field: string][] = [
    ['a number as text', { campaign_id: '1' }, 'campaign_id'],
    ['an id of 0', { campaign_id: 0 }, 'campaign_id'],
    ['an id beyond 2^53-1', { client_id: 2 ** 53 }, 'client_id'],
    ['a negative id', { category_id: -1 }, 'category_id'],
    ['half an id', { category_id: 1.5 }, 'category_id'],
    ['30 February', { timestamp: '2025-02-30T10:00:00Z' }, 'timestamp'],
    ['an hour that is none', { timestamp: '2025-02-01T25:00:00Z' }, 'timestamp'],
    ['a date that is none', { timestamp: 'yesterday' }, 'timestamp'],
    ['a time as a number', { timestamp: 1_764_153_000 }, 'timestamp'],
    ['a list for a text', { subject: ['x'] }, 'subject'],
    ['true for an id', { campaign_id: true }, 'campaign_id'],
  ];
  for (const [what, changes, field] of wrong) {
    it(`is a 422 that names the field: ${what}`, async () => {
      const { status, json } = await server.call('POST', '/events', { ...event, ...changes });
      assert.equal(status, 422);
      assert.deepEqual(
        (json['details'] as { field: string }[]).map((fault) => fault.field),
        [field],
      );
    });
  }

  it('fails nobody else that calls at the same time', async () => {
    const bad: CallOptions[] = [
      { raw: '{"broken' },
      { raw: '{"event_type":"SENT","campaign_id":1,"lead_email":"a@b","x":"\\u0000"}' },
      { raw: JSON.stringify({ ...event, campaign_id: '1' }) },
      { raw: `${'['.repeat(10_000)}${']'.repeat(10_000)}` },
      { raw: JSON.stringify({ ...event, message: 'x'.repeat(256 * 1024) }) },
    ];
    const calls = Array.from({ length: 60 }, (_, i) => {
      const options = i % 4 === 3 ? bad[(i >> 2) % bad.length] : undefined;
      return server.call('POST', '/events', options ? undefined : event, options);
    });
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    statuses.forEach((status, i) => {
      if (i % 4 === 3) assert.ok([400, 413, 422].includes(status), `${status}`);
      else assert.equal(status, 202);
    });
  });
});

describe('a body that is odd but good', () => {
  const accepted: readonly [what: string, raw: string][] = [
    ['a byte order mark', '\ufeff{"event_type":"SENT","campaign_id":1,"lead_email":"a@b"}'],
    [
      'an escaped pair',
      '{"event_type":"SENT","campaign_id":1,"lead_email":"a@b","x":"\\ud83d\\ude00"}',
    ],
    [
      '64 levels',
      `{"event_type":"SENT","campaign_id":1,"lead_email":"a@b","x":${'['.repeat(63)}${']'.repeat(63)}}`,
    ],
    [
      'names of Object.prototype',
      '{"event_type":"SENT","campaign_id":1,"lead_email":"a@b","__proto__":null,"constructor":{"prototype":{}},"hasOwnProperty":1}',
    ],
    [
      'one name twice',
      '{"event_type":"OPENED","event_type":"SENT","campaign_id":1,"lead_email":"a@b"}',
    ],
    [
      '10,000 further fields',
      `{"event_type":"SENT","campaign_id":1,"lead_email":"a@b"${Array.from({ length: 10_000 }, (_, i) => `,"f${i}":${i}`).join('')}}`,
    ],
  ];
  for (const [what, raw] of accepted) {
    it(what, async () => {
      const { status, text } = await server.call('POST', '/events', undefined, { raw });
      assert.equal(status, 202, text);
      assert.equal(({} as Record<string, unknown>)['prototype'], undefined);
    });
  }
});

describe('a media type', () => {
  for (const type of [
    'application/x-www-form-urlencoded',
    'text/plain',
    'text/json',
    'application/xml',
    'nonsense',
    'application/x-ndjson',
    ';',
  ]) {
    it(`${type} is a 415 that says what to send`, async () => {
      const { status, json } = await server.call('POST', '/webhook/create', undefined, {
        raw: '{}',
        headers: { 'content-type': type },
      });
      assert.equal(status, 415);
      assert.equal(json['code'], 'unsupported_media_type');
      assert.match(String(json['error']), /application\/json/);
    });
  }

  it('may have parameters and any case', async () => {
    const headers = { 'content-type': 'Application/JSON; charset=utf-8' };
    const { status } = await server.call('POST', '/webhook/create', undefined, {
      raw: '{}',
      headers,
    });
    assert.equal(status, 422);
  });

  it('is needed where there is a body', async () => {
    const options: CallOptions = {
      raw: new Uint8Array(Buffer.from('{}')),
      headers: { 'content-type': '' },
    };
    assert.equal((await server.call('POST', '/webhook/create', undefined, options)).status, 415);
  });
});

describe('what is too large', () => {
  it('a body over 256 KiB is a 413, also in chunks', async () => {
    const padded = '{}'.padEnd(256 * 1024, ' ');
    const fits = await server.call('POST', '/webhook/create', undefined, { raw: padded });
    assert.equal(fits.status, 422);
    const over = await server.call('POST', '/webhook/create', undefined, { raw: `${padded} ` });
    assert.equal(over.status, 413);
    assert.equal(over.json['code'], 'payload_too_large');

    const head = `POST /api/v1/webhook/create?api_key=${KEY} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    const chunked = `${head}connection: close\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(5)}0\r\n\r\n`;
    assert.match(
      await server.send(chunked),
      /^HTTP\/1\.1 413 [^]*x-request-id: [^]*"code":"payload_too_large"/,
    );
  });

  it('headers over 16 KiB are a 431 in the envelope', async () => {
    const flood = `x-flood: ${'y'.repeat(100)}\r\n`.repeat(10_000);
    const received = await server.send(`GET /api/v1/webhook HTTP/1.1\r\nhost: x\r\n${flood}\r\n`);
    assert.match(received, /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/);
    assert.match(received, /\r\nx-request-id: [0-9a-f]{12}\r\n/);
    const [, body = ''] = received.split('\r\n\r\n');
    assert.deepEqual(JSON.parse(body), {
      ok: false,
      error: 'The headers are too large',
      message: 'The headers are too large',
      code: 'headers_too_large',
    });
  });

  it('a URL over 16 KiB is a 431 too', async () => {
    const received = await server.send(`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`);
    assert.match(received, /^HTTP\/1\.1 431 /);
  });
});

describe('what is no HTTP', () => {
  const head = `POST /api/v1/events?api_key=${KEY} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
  const cases: readonly [what: string, bytes: string][] = [
    ['nonsense', 'nonsense\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n'],
    ['two lengths', `${head}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`],
    [
      'a length and chunks',
      `${head}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['a negative length', `${head}content-length: -1\r\n\r\n`],
    ['a bad chunk', `${head}transfer-encoding: chunked\r\n\r\nzz\r\n`],
  ];
  for (const [what, bytes] of cases) {
    it(`is a 400: ${what}`, async () => {
      const received = await server.send(Buffer.from(bytes, 'latin1'));
      assert.match(received, /^HTTP\/1\.1 400 /);
      assert.equal(received.includes(KEY), false);
    });
  }

  const refused: readonly [what: string, bytes: string, status: string, message: string][] = [
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', '400', 'The request has no Host header'],
    [
      'an expectation that is not known',
      'POST /api/v1/events HTTP/1.1\r\nhost: x\r\nexpect: wonders\r\n\r\n',
      '417',
      'Of Expect only 100-continue is understood',
    ],
  ];
  for (const [what, bytes, status, message] of refused) {
    it(`is told in the envelope: ${what}`, async () => {
      const [first = '', body = ''] = (await server.send(bytes)).split('\r\n\r\n');
      assert.ok(first.startsWith(`HTTP/1.1 ${status} `), first);
      assert.match(first, /\r\nx-request-id: [0-9a-f]{12}\r\n/);
      assert.match(first, /\r\ncontent-type: application\/json/);
      const code = 'malformed_request';
      assert.deepEqual(JSON.parse(body), { ok: false, error: message, message, code });
    });
  }

  it('HTTP/1.0 needs no host', async () => {
    assert.match(await server.send('GET /healthz HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /);
  });

  it('a caller that goes away in the middle of a body is no failure', async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.write(`${head}content-length: 1000\r\n\r\n{"event_type":`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.resetAndDestroy();
    await once(socket, 'close');
    await server.assertStillAnswers();
    assert.equal(
      server.log.some((line) => line.includes('request.failed')),
      false,
    );
  });
});

describe('what Fastify and its plugins refuse', () => {
  const cases: readonly [what: string, head: string, status: number, code: string][] = [
    ['a QUERY without a body', 'QUERY /healthz', 400, 'malformed_json'],
    ['a NUL in the path of a file', 'GET /docs/static/%00', 403, 'forbidden'],
    [
      'a range beyond the end of a file',
      'GET /docs/static/index.css HTTP/1.1\r\nrange: bytes=99999999-',
      416,
      'validation_error',
    ],
  ];
  for (const [what, head, status, code] of cases) {
    it(`is no failure of the server: ${what}`, async () => {
      const request = head.includes('HTTP/1.1') ? head : `${head} HTTP/1.1`;
      const received = await server.send(`${request}\r\nhost: x\r\nconnection: close\r\n\r\n`);
      const [first = '', body = ''] = received.split('\r\n\r\n');
      assert.ok(first.startsWith(`HTTP/1.1 ${status} `), first);
      assert.match(first, /\r\nx-request-id: /);
      const { ok, code: told, error, message } = JSON.parse(body) as Record<string, unknown>;
      assert.deepEqual([ok, told, error], [false, code, message]);
      assert.equal(server.log.join('').includes('request.failed'), false);
    });
  }
});

describe('a path', () => {
  for (const path of ['%zz', 'events/%', 'events/%ff', 'deliveries/%ed%a0%80', 'x'.repeat(8_000)]) {
    it(`/api/v1/${path.slice(0, 20)} is a 404 to those who have a key`, async () => {
      const { status, json } = await server.call('GET', `/${path}?api_key=${KEY}`, undefined, {
        key: null,
      });
      assert.equal(status, 404);
      assert.equal(json['code'], 'not_found');
    });
  }

  for (const path of [
    '//',
    '//nothing',
    '//api/v1/../../etc/passwd',
    '//docs/../../package.json',
    '//%zz',
    '//docs/static/..%2f..%2fpackage.json',
  ]) {
    it(`${path.slice(1)} is a 404 or nothing`, async () => {
      const received = await server.send(
        `GET ${path.slice(1)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
      );
      assert.match(received, /^HTTP\/1\.1 (404|401|403) /);
      assert.match(received, /\r\nx-request-id: /);
    });
  }
});
