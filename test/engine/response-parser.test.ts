import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { brokenAnswers, takenByLlhttp } from './broken-answers.ts';
import { refusedByUndici, validAnswers } from './valid-answers.ts';
import { ResponseParser } from '../../src/engine/wire/response-parser.ts';
import { damagedAnswer, madeAnswer, cutsOf, type Made } from './answer-material.ts';
import { everywhere, Judge, read } from './answer-reading.ts';

const NO_HTTP = 'The answer is not valid HTTP.';
/** Blanks behind a length count as digits in undici, and llhttp knows no coding with a tab behind it. */
const MISREAD_BY_THEM = /(?:content-length|transfer-encoding):[^\r]*[ \t]\r/i;
const TOO_LARGE = "The answer's headers are too large.";
const EARLY = 'The receiver closed the connection before its answer was whole.';
const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** So many bytes in all. */
const filled = (start: string, end: string, length: number) =>
  latin1(start + 'v'.repeat(length - start.length - end.length) + end);
const head = (length: number) => filled('HTTP/1.1 204 X\r\nx: ', '\r\n\r\n', length);

describe('a valid answer', () => {
  for (const { what, answer, is } of validAnswers) {
    it(`is understood, in whatever pieces: ${what}`, async () => {
      const bytes = latin1(answer);
      const reading = read(bytes);
      assert.equal(reading.error, null);
      const { status, body, persistent } = reading;
      assert.deepEqual({ status, body, persistent }, is);
      assert.deepEqual(read(bytes, everywhere(bytes)), reading);
      for (const cut of everywhere(bytes)) assert.deepEqual(read(bytes, [cut]), reading);
    });
  }

  it('is what llhttp takes it for', async () => {
    await using judge = await Judge.start();
    for (const { what, answer } of validAnswers) {
      const { persistent: _, ...ours } = read(latin1(answer));
      const theirs = await judge.read(latin1(answer));
      if (refusedByUndici.has(what)) assert.ok(theirs.error, what);
      else assert.deepEqual(theirs, ours, what);
    }
  });

  it('is broken where its end is missing', () => {
    for (const { what, answer, is } of validAnswers) {
      const bytes = latin1(answer);
      for (let length = 0; length < bytes.length; length++) {
        const reading = read(bytes.subarray(0, length));
        if (reading.error !== null) assert.equal(reading.error, EARLY, `${what}, ${length} bytes`);
        else assert.equal(reading.status, is.status, `${what}, ${length} bytes`);
        if (is.persistent) assert.ok(reading.error !== null, `${what}, ${length} bytes`);
      }
    }
  });
});

describe('a broken answer', () => {
  for (const { what, answer } of brokenAnswers) {
    it(`is refused, in whatever pieces: ${what}`, () => {
      const bytes = latin1(answer);
      const reading = read(bytes);
      assert.equal(reading.error, NO_HTTP);
      assert.deepEqual(read(bytes, everywhere(bytes)), reading);
      for (const cut of everywhere(bytes)) assert.deepEqual(read(bytes, [cut]), reading);
    });
  }

  it('is what llhttp refuses too, with few exceptions', async () => {
    await using judge = await Judge.start();
    for (const { what, answer } of brokenAnswers) {
      const { error } = await judge.read(latin1(answer));
      assert.equal(error === null, takenByLlhttp.has(what), what);
    }
  });
});

describe('any answer', () => {
  it('is understood as it was meant, in whatever pieces', () => {
    const cut = madeAnswer.chain((made) => fc.tuple(fc.constant(made), cutsOf(made.bytes.length)));
    fc.assert(
      fc.property(cut, ([made, cuts]) => {
        const reading = read(made.bytes, cuts);
        assert.equal(reading.error, null);
        assert.equal(reading.status, made.status);
        assert.equal(reading.body, made.body.toString('utf8').replaceAll('\0', '\ufffd'));
        assert.deepEqual(reading.headers, headersOf(made));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is what llhttp takes it for', async () => {
    await using judge = await Judge.start();
    await fc.assert(
      fc.asyncProperty(madeAnswer, async ({ bytes }) => {
        const { persistent: _, ...ours } = read(bytes);
        assert.deepEqual(await judge.read(bytes), ours);
      }),
      { numRuns: 300 },
    );
  });

  it('that was damaged is the same in whatever pieces', () => {
    const cut = damagedAnswer.chain((bytes) => fc.tuple(fc.constant(bytes), cutsOf(bytes.length)));
    fc.assert(
      fc.property(cut, ([bytes, cuts]) => {
        assert.deepEqual(read(bytes, cuts), read(bytes));
        assert.deepEqual(read(bytes, everywhere(bytes)), read(bytes));
      }),
      { numRuns: 3_000 },
    );
  });

  it('that was damaged is taken for nothing else than llhttp takes it for', async () => {
    await using judge = await Judge.start();
    await fc.assert(
      fc.asyncProperty(damagedAnswer, async (bytes) => {
        const { persistent: _, ...ours } = read(bytes);
        if (ours.error !== null || MISREAD_BY_THEM.test(bytes.toString('latin1'))) return;
        assert.deepEqual(await judge.read(bytes), ours);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('what is read of an answer', () => {
  it('is a head of up to 16 KiB', () => {
    for (const cuts of [[], [1], [16_383], [16_384], everywhere(head(16_384))]) {
      assert.equal(read(head(16_384), cuts).error, null);
      assert.equal(read(head(16_385), cuts).error, TOO_LARGE);
    }
  });

  it('is a head of so many for each announcement', () => {
    const early = filled('HTTP/1.1 103 X\r\nx: ', '\r\n\r\n', 16_384);
    const answer = latin1('HTTP/1.1 204 X\r\n\r\n');
    assert.equal(read(Buffer.concat([early, early, answer])).status, 204);
  });

  for (const [what, start, end] of [
    ['trailers', '0\r\nx: ', '\r\n\r\n'],
    ['several trailers', `0\r\n${'x: 1\r\n'.repeat(1_000)}x: `, '\r\n\r\n'],
    ['an extension', '0;', '\r\n\r\n'],
    ['many extensions', `${'1;abc\r\nx\r\n'.repeat(3_000)}0;`, '\r\n\r\n'],
    ['a size without an end', '0', ''],
  ] as const) {
    it(`is no more than 16 KiB of ${what}`, () => {
      const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
      const small = latin1(`${head}${start}v${end}`);
      if (end !== '') assert.equal(read(small).error, null);
      const large = latin1(`${head}${start}${'0'.repeat(16_500)}${end}`);
      assert.equal(read(large).error, TOO_LARGE);
      assert.equal(read(large, everywhere(large)).error, TOO_LARGE);
    });
  }

  it('is told to be none as soon as it is known', () => {
    for (const begun of [
      'X',
      'HTTP/2',
      'HTTP/1.1 20x ',
      'HTTP/1.1 200 OK\n',
      'HTTP/1.1 200 OK\r\nx: \0',
    ]) {
      const parser = new ResponseParser();
      assert.throws(() => parser.push(latin1(begun)), { message: NO_HTTP }, begun);
    }
  });

  it('tells how long the connection is kept', () => {
    for (const [line, ms] of [
      ['', Number.POSITIVE_INFINITY],
      ['keep-alive: timeout=5\r\n', 5_000],
      ['Keep-Alive: max=100, Timeout=7\r\n', 7_000],
      ['keep-alive: timeout=0\r\n', 0],
      ['keep-alive: timeout=x\r\n', Number.POSITIVE_INFINITY],
    ] as const) {
      const parser = new ResponseParser();
      assert.equal(parser.push(latin1(`HTTP/1.1 204 X\r\n${line}\r\n`)), 'whole');
      assert.equal(parser.keepAliveMs, ms);
    }
  });
});

describe('one answer after another', () => {
  const answers = [
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nb',
    'HTTP/1.1 500 OK\r\ncontent-length: 1\r\n\r\nc',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\nx: 1\r\n\r\nd',
    'HTTP/1.1 103 OK\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\ne',
    'HTTP/1.1 103 OK\r\n\r\nHTTP/1.1 204 OK\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nf\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\ng\r\n0\r\n\r\n',
  ].map(latin1);

  it('is read as if it were the only one, whatever came before it', () => {
    const sequence = fc.array(
      fc
        .constantFrom(...answers)
        .chain((bytes) => fc.tuple(fc.constant(bytes), cutsOf(bytes.length))),
      { minLength: 2, maxLength: 6 },
    );
    fc.assert(
      fc.property(sequence, (list) => {
        const parser = new ResponseParser();
        for (const [bytes, cuts] of list) {
          assert.deepEqual(read(bytes, cuts, parser), read(bytes));
          parser.reset();
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

/** Each name once, as an object has them. */
function headersOf({ headers }: Made): object {
  const values = Map.groupBy(headers, ([name]) => name.toLowerCase());
  return Object.fromEntries(
    [...values].map(([name, list]) => {
      const all = list.map(([, value]) => value);
      return [name, all.length === 1 ? all[0] : all];
    }),
  );
}
