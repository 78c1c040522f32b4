import fc from 'fast-check';

/** A valid answer, and what it means. */
export interface Made {
  readonly bytes: Buffer;
  readonly status: number;
  readonly body: Buffer;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const TOKEN_CHARACTERS =
  "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const FRAMING =
  /^(content-length|transfer-encoding|connection|keep-alive|upgrade|proxy-connection)$/i;

const token = fc
  .string({ unit: fc.constantFrom(...TOKEN_CHARACTERS.split('')), minLength: 1, maxLength: 12 })
  .filter((name) => !FRAMING.test(name));
const visible = fc.integer({ min: 0x21, max: 0xff }).filter((code) => code !== 0x7f);
const value = fc
  .string({
    unit: fc.oneof(
      { weight: 8, arbitrary: visible.map((code) => String.fromCharCode(code)) },
      fc.constantFrom(' ', '\t', ':'),
    ),
    maxLength: 20,
  })
  .map((text) => text.replaceAll(/^[ \t]+|[ \t]+$/g, ''));
const blanks: fc.Arbitrary<string> = fc.constantFrom('', ' ', '  ', '\t');
const header = fc.record({ name: token, value, before: blanks, after: blanks });
type Header = typeof header extends fc.Arbitrary<infer T> ? T : never;

const announcement = fc
  .tuple(fc.constantFrom(102, 103, 110, 199), fc.array(header, { maxLength: 2 }))
  .map(([status, headers]) => `HTTP/1.1 ${status} Wait\r\n${lines(headers)}\r\n`);

const reason = fc.constantFrom('', ' ', ' OK', ' Not  Found', ' J\xf6rg: 1');
const extension = fc.constantFrom('', '', ';a', ';a=b', ';a="b c"');
const body = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

const framed = fc.oneof(
  body.map((content) => ({ line: `Content-Length: ${content.length}`, content, bytes: content })),
  fc
    .tuple(
      fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), extension), {
        maxLength: 8,
      }),
      fc.array(header, { maxLength: 2 }),
      fc.constantFrom('chunked', 'Chunked'),
    )
    .map(([chunks, trailers, coding]) => ({
      line: `transfer-encoding: ${coding}`,
      content: Buffer.concat(chunks.map(([data]) => data)),
      bytes: Buffer.concat([
        ...chunks.flatMap(([data, more]) => [
          latin1(`${data.length.toString(16)}${more}\r\n`),
          data,
          latin1('\r\n'),
        ]),
        latin1(`0\r\n${lines(trailers)}\r\n`),
      ]),
    })),
  body.map((content) => ({ line: 'connection: close', content, bytes: content })),
);

/** Any valid answer to a POST, with what announces it. */
export const madeAnswer: fc.Arbitrary<Made> = fc
  .record({
    announcements: fc.array(announcement, { maxLength: 2 }),
    version: fc.constantFrom('1.1', '1.1', '1.0'),
    status: fc.integer({ min: 200, max: 999 }).filter((status) => status !== 204 && status !== 304),
    reason,
    before: fc.array(header, { maxLength: 4 }),
    framed,
    after: fc.array(header, { maxLength: 3 }),
  })
  .map(({ announcements, version, status, reason, before, framed, after }) => {
    const [name = '', its = ''] = framed.line.split(': ');
    const all = [...before, { name, value: its, before: ' ', after: '' }, ...after];
    const head = `HTTP/${version} ${status}${reason}\r\n${lines(all)}\r\n`;
    return {
      bytes: Buffer.concat([latin1(announcements.join('') + head), framed.bytes]),
      status,
      body: framed.content,
      headers: all.map((each) => [each.name, each.value] as const),
    };
  });

/** Any valid answer with some bytes changed, left out or put in: few of them are valid still. */
export const damagedAnswer: fc.Arbitrary<Buffer> = fc
  .tuple(
    madeAnswer,
    fc.array(
      fc.record({
        at: fc.nat(),
        what: fc.constantFrom('put in', 'change', 'leave out'),
        bytes: fc.constantFrom(
          '\r',
          '\n',
          '\r\n',
          '\0',
          ' ',
          '\t',
          ':',
          ';',
          ',',
          '0',
          '1',
          'f',
          'x',
          '-',
          '\x7f',
          '\xff',
          '\r\n ',
          '\r\nContent-Length: 1',
          '\r\nTransfer-Encoding: chunked',
          '\r\n\r\n',
          '0\r\n\r\n',
        ),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([{ bytes }, changes]) =>
    changes.reduce((text, { at, what, bytes }) => {
      const place = at % (text.length + 1);
      const rest = what === 'put in' ? place : place + 1;
      return text.slice(0, place) + (what === 'leave out' ? '' : bytes) + text.slice(rest);
    }, bytes.toString('latin1')),
  )
  .map(latin1);

/** Where to cut so many bytes. */
export function cutsOf(length: number): fc.Arbitrary<number[]> {
  return fc
    .uniqueArray(fc.nat({ max: Math.max(length - 1, 0) }), { maxLength: 12 })
    .map((cuts) => cuts.toSorted((a, b) => a - b));
}

function lines(headers: readonly Header[]): string {
  return headers
    .map(({ name, value, before, after }) => `${name}:${before}${value}${after}\r\n`)
    .join('');
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
