import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { keyOfHeaders } from '../../src/http/auth.ts';
import { readHead, type RequestHead } from '../../src/http/direct/request-head.ts';

const LINE = 'POST /api/v1/events HTTP/1.1\r\n';
const PLAIN = ['host: x', 'content-type: application/json', 'content-length: 2', 'x-api-key: k'];

function request(lines: readonly string[], body = '{}', first = LINE): Buffer {
  return Buffer.from(`${first}${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`, 'latin1');
}

/** The plain headers, this one in place of that of the same name. */
function having(line: string): string[] {
  const name = line.slice(0, line.indexOf(':')).trim().toLowerCase();
  return [...PLAIN.filter((each) => !each.startsWith(`${name}:`)), line];
}

function without(name: string): string[] {
  return PLAIN.filter((each) => !each.startsWith(`${name}:`));
}

describe('the head of a plain request', () => {
  const plain: readonly [what: string, lines: readonly string[], key: string][] = [
    ['as most send it', PLAIN, 'k'],
    ['in any case', PLAIN.map((line) => line.replace(/^[^:]+/, (n) => n.toUpperCase())), 'k'],
    ['with blanks around values', having('x-api-key: \t k \t'), 'k'],
    ['without blanks', PLAIN.map((line) => line.replace(': ', ':')), 'k'],
    ['with a bearer', [...without('x-api-key'), 'authorization: Bearer  b'], 'b'],
    ['with both keys', [...PLAIN, 'Authorization: bearer b'], 'b'],
    ['with utf-8 named', having('content-type: application/json; charset=utf-8'), 'k'],
    ['that keeps the connection', [...PLAIN, 'Connection: Keep-Alive'], 'k'],
    ['with much that is not looked at', [...PLAIN, 'accept: */*', 'x-y:', 'x-y: 2'], 'k'],
  ];
  for (const [what, lines, key] of plain) {
    it(what, () => {
      const bytes = request(lines);
      assert.deepEqual(readHead(bytes, LINE), { length: bytes.length - 2, bodyLength: 2, key });
    });
  }

  it('is not there before its last byte', () => {
    const bytes = request(PLAIN);
    for (let length = 0; length < bytes.length - 2; length += 1) {
      assert.equal(readHead(bytes.subarray(0, length), LINE), 'incomplete');
    }
  });
});

describe('another head', () => {
  const others: readonly [what: string, lines: readonly string[], first?: string][] = [
    ['another method', PLAIN, 'PUT /api/v1/events HTTP/1.1\r\n'],
    ['another path', PLAIN, 'POST /api/v1/events/ HTTP/1.1\r\n'],
    ['a query', PLAIN, 'POST /api/v1/events?api_key=k HTTP/1.1\r\n'],
    ['another version', PLAIN, 'POST /api/v1/events HTTP/1.0\r\n'],
    ['a line break alone after the first line', PLAIN, 'POST /api/v1/events HTTP/1.1\n'],
    ['a line break before it', PLAIN, `\r\n${LINE}`],
    ['no host', without('host')],
    ['two hosts', [...PLAIN, 'host: y']],
    ['no length', without('content-length')],
    ['two lengths', [...PLAIN, 'content-length: 3']],
    ['the same length twice', [...PLAIN, 'content-length: 2']],
    ['a list of lengths', having('content-length: 2, 2')],
    ['a signed length', having('content-length: +2')],
    ['a negative length', having('content-length: -2')],
    ['a length in hexadecimal', having('content-length: 0x2')],
    ['a length with a point', having('content-length: 2.0')],
    ['an empty length', having('content-length:')],
    ['a length beyond the limit', having('content-length: 262145')],
    ['chunks', [...PLAIN, 'transfer-encoding: chunked']],
    ['chunks, disguised', [...PLAIN, 'Transfer-Encoding: identity, chunked']],
    ['a trailer', [...PLAIN, 'trailer: x']],
    ['an expectation', [...PLAIN, 'expect: 100-continue']],
    ['an upgrade', [...PLAIN, 'upgrade: h2c']],
    ['a connection to be closed', [...PLAIN, 'connection: close']],
    ['a header that is of the connection', [...PLAIN, 'connection: keep-alive, x-api-key']],
    ['no key', without('x-api-key')],
    ['an empty key', having('x-api-key: ')],
    ['two keys', [...PLAIN, 'x-api-key: l']],
    ['no type', without('content-type')],
    ['another type', having('content-type: application/x-ndjson')],
    ['two types', [...PLAIN, 'content-type: application/json']],
    ['a blank before a colon', having('x-api-key : k')],
    ['a folded line', [...PLAIN, ' folded: x']],
    ['a line without a colon', [...PLAIN, 'nonsense']],
    ['a name that is none', [...PLAIN, 'x(y): z']],
    ['no name', [...PLAIN, ': z']],
    ['a carriage return in a value', [...PLAIN, 'x: a\rb']],
    ['a line break alone between lines', [...PLAIN, 'x: a\nhost: y']],
    ['a NUL in a value', [...PLAIN, 'x: a\0b']],
    ['a value beyond ASCII', [...PLAIN, 'x: \u00fc']],
    ['more than 16 KiB', [...PLAIN, `x: ${'y'.repeat(17_000)}`]],
  ];
  for (const [what, lines, first] of others) {
    it(`is left to node:http: ${what}`, () => {
      assert.equal(readHead(request(lines, '{}', first), LINE), 'other');
    });
  }

  it('is known as another by its first byte that differs, or when it grows too long', () => {
    assert.equal(readHead(Buffer.from('POST /api/v2'), LINE), 'other');
    assert.equal(readHead(Buffer.from('\x16\x03\x01', 'latin1'), LINE), 'other');
    assert.equal(readHead(request([`x: ${'y'.repeat(17_000)}`]).subarray(0, -6), LINE), 'other');
  });
});

describe('every head that is taken for a plain one', () => {
  let server: Server;
  let port = 0;
  let seen: { request: IncomingMessage; body: string } | undefined;
  before(async () => {
    server = createServer((incoming, response) => {
      let body = '';
      incoming.setEncoding('latin1').on('data', (text: string) => (body += text));
      incoming.on('end', () => {
        seen = { request: incoming, body };
        response.writeHead(200, { connection: 'close' }).end();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  after(() => void server.close());

  /** What node:http makes of these bytes. */
  async function readByNode(bytes: Buffer) {
    seen = undefined;
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined).resume();
    socket.end(bytes);
    await once(socket, 'close');
    return seen as { request: IncomingMessage; body: string } | undefined;
  }

  const names =
    'host,Host,content-length,Content-Length,content-type,x-api-key,authorization,connection,' +
    'transfer-encoding,expect,x,x-y , x,a(b';
  const name = fc.constantFrom(...names.split(','));
  const value = fc.oneof(
    fc.constantFrom('2', '02', '3', '1', 'k', 'Bearer k', 'keep-alive', 'close', 'chunked', '\t'),
    fc.constantFrom('application/json', 'application/json; charset=utf-8', 'a\nb', 'a\rb', '\0'),
    fc.string({ unit: 'binary-ascii', maxLength: 6 }),
  );
  const colon = fc.constantFrom(':', ': ', ':\t', ' : ', '');
  const ending = fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\n ');
  const line = fc.tuple(name, colon, value, ending).map((parts) => parts.join(''));
  const changed = fc
    .tuple(
      fc.array(line, { maxLength: 3 }),
      fc.nat({ max: 4 }),
      fc.subarray(PLAIN, { minLength: 3 }),
    )
    .map(([lines, at, plain]) => {
      const all = plain.map((each) => `${each}\r\n`);
      all.splice(at, 0, ...lines);
      return Buffer.from(`${LINE}${all.join('')}\r\n{}`, 'latin1');
    });

  it('is read by node:http in the same way', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(changed, async (bytes) => {
        const head = readHead(bytes, LINE);
        if (head === 'other' || head === 'incomplete') return;
        taken += 1;
        const { length, bodyLength, key }: RequestHead = head;
        const byNode = await readByNode(bytes);
        // Where the body is said to be longer than it is, node:http waits for more of it.
        if (length + bodyLength > bytes.length) return assert.equal(byNode, undefined);
        assert.ok(byNode, 'node:http refuses it');
        assert.equal(keyOfHeaders(byNode.request.headers), key);
        assert.equal(byNode.body, bytes.toString('latin1', length, length + bodyLength));
      }),
      { numRuns: 3_000 },
    );
    assert.ok(taken > 100, `only ${taken} were plain`);
  });
});
