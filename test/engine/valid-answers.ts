/** What the parser makes of bytes, after which the receiver closes the connection. */
export interface Valid {
  readonly status: number;
  readonly body: string;
  /** Whether the connection may carry another request. */
  readonly persistent: boolean;
}

const VALID: Record<string, Record<string, readonly [answer: string, is: Valid]>> = {
  'a body with a length': {
    plain: ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc', kept('abc')],
    empty: ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', kept('')],
    'leading zeros': ['HTTP/1.1 200 OK\r\ncontent-length: 0003\r\n\r\nabc', kept('abc')],
    'blanks around the number': [
      'HTTP/1.1 200 OK\r\ncontent-length: \t 3 \t\r\n\r\nabc',
      kept('abc'),
    ],
    'no blank before it': ['HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\nabc', kept('abc')],
    'line ends and an empty line inside': [
      'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n\r\n\r\nab',
      kept('\r\n\r\nab'),
    ],
    'an answer inside': [
      'HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\nHTTP/1.1 500 No\r\n\r\n',
      kept('HTTP/1.1 500 No\r\n\r\n'),
    ],
    'NULs and high bytes': [
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\0\xff',
      kept('\ufffd\ufffd'),
    ],
  },
  'a status line': {
    'no reason': ['HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n', kept('')],
    'no reason and no blank': ['HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n', kept('')],
    'a reason of several words': [
      'HTTP/1.1 404 Not  Found!\r\ncontent-length: 0\r\n\r\n',
      kept('', 404),
    ],
    'a reason in latin1': ['HTTP/1.1 200 Schön\tgut\r\ncontent-length: 0\r\n\r\n', kept('')],
    'a status that nobody knows': ['HTTP/1.1 999 X\r\ncontent-length: 0\r\n\r\n', kept('', 999)],
  },
  'a body in chunks': {
    one: [chunked('3\r\nabc\r\n0\r\n\r\n'), kept('abc')],
    none: [chunked('0\r\n\r\n'), kept('')],
    several: [chunked('1\r\na\r\n2\r\nbc\r\n0\r\n\r\n'), kept('abc')],
    'sizes in capitals': [chunked('A\r\n0123456789\r\n0\r\n\r\n'), kept('0123456789')],
    'sizes with zeros': [chunked('0003\r\nabc\r\n00\r\n\r\n'), kept('abc')],
    extensions: [chunked('3;a=b;c="d e"\r\nabc\r\n0;last\r\n\r\n'), kept('abc')],
    trailers: [chunked('3\r\nabc\r\n0\r\nx-sum: 1\r\nX-More:\r\n\r\n'), kept('abc')],
    'a trailer of framing, which is only one': [
      chunked('3\r\nabc\r\n0\r\nconnection: close\r\n\r\n'),
      kept('abc'),
    ],
    'data that looks like chunks': [
      chunked('8\r\n0\r\n\r\n1\r\n\r\n0\r\n\r\n'),
      kept('0\r\n\r\n1\r\n'),
    ],
    'the coding in capitals': [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n',
      kept('a'),
    ],
    'behind another coding': [
      'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip , chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
      kept('a'),
    ],
    'behind another coding on a line of its own': [
      'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
      kept('a'),
    ],
    'in HTTP/1.0, where that is a fault': [
      'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
      closed('a'),
    ],
  },
  'a body that ends with the connection': {
    plain: ['HTTP/1.1 200 OK\r\n\r\nabc', closed('abc')],
    empty: ['HTTP/1.1 200 OK\r\n\r\n', closed('')],
    'that would stay open': ['HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\nabc', closed('abc')],
    'of HTTP/1.0': ['HTTP/1.0 200 OK\r\n\r\nabc', closed('abc')],
    'in a coding that is not chunked': [
      'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc',
      closed('abc'),
    ],
    'where chunked is not the last coding': [
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      closed('3\r\nabc\r\n0\r\n\r\n'),
    ],
    'in a coding that only looks chunked': [
      'HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n',
      closed('0\r\n\r\n'),
    ],
    'in a coding with a no-break space': [
      'HTTP/1.1 200 OK\r\ntransfer-encoding: \xa0chunked\r\n\r\n0\r\n\r\n',
      closed('0\r\n\r\n'),
    ],
  },
  'no body': {
    'a 204': ['HTTP/1.1 204 No Content\r\n\r\n', kept('', 204)],
    'a 304': ['HTTP/1.1 304 Not Modified\r\n\r\n', kept('', 304)],
    'a 204 with a length of nothing': [
      'HTTP/1.1 204 X\r\ncontent-length: 0\r\n\r\n',
      kept('', 204),
    ],
    'a 204 with a length': ['HTTP/1.1 204 X\r\ncontent-length: 5\r\n\r\n', closed('', 204)],
    'a 204 in chunks': [
      'HTTP/1.1 204 X\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      closed('', 204),
    ],
    'a 304 with a length': ['HTTP/1.1 304 X\r\ncontent-length: 5\r\n\r\n', closed('', 304)],
  },
  'the connection': {
    'closes where it says so': [
      'HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 0\r\n\r\n',
      closed(''),
    ],
    'closes in capitals': [
      'HTTP/1.1 200 OK\r\nconnection: CLOSE\r\ncontent-length: 0\r\n\r\n',
      closed(''),
    ],
    'closes in a list': [
      'HTTP/1.1 200 OK\r\nconnection: x, close ,y\r\ncontent-length: 0\r\n\r\n',
      closed(''),
    ],
    'closes on a second line': [
      'HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
      closed(''),
    ],
    'stays open with another word': [
      'HTTP/1.1 200 OK\r\nconnection: closed\r\ncontent-length: 0\r\n\r\n',
      kept(''),
    ],
    'closes by itself in HTTP/1.0': ['HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n', closed('')],
    'stays open in HTTP/1.0 on demand': [
      'HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 0\r\n\r\n',
      kept(''),
    ],
    'has a stray answer behind it': [
      'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n',
      closed(''),
    ],
    'has a stray byte behind a length': [
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab',
      closed('a'),
    ],
    'has a stray byte behind the chunks': [chunked('0\r\n\r\nx'), closed('')],
    'has stray bytes behind a 204': ['HTTP/1.1 204 X\r\n\r\nabc', closed('', 204)],
    'has a line end behind an answer': [
      'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n\r\n',
      closed(''),
    ],
  },
  'what announces an answer': {
    'a 102': ['HTTP/1.1 102 X\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', kept('')],
    'several 103': [
      `${'HTTP/1.1 103 X\r\nlink: <a>\r\n\r\n'.repeat(3)}HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n`,
      kept('', 500),
    ],
    'one with a length, which it cannot have': [
      'HTTP/1.1 103 X\r\ncontent-length: 5\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
      kept(''),
    ],
  },
  'header lines': {
    'an empty value': ['HTTP/1.1 200 OK\r\nx:\r\ncontent-length: 0\r\n\r\n', kept('')],
    'a value with colons, blanks and tabs': [
      'HTTP/1.1 200 OK\r\nx: a:b \t c\r\ncontent-length: 0\r\n\r\n',
      kept(''),
    ],
    'every character that a name may have': [
      "HTTP/1.1 200 OK\r\n!#$%&'*+-.^_`|~09azAZ: 1\r\ncontent-length: 0\r\n\r\n",
      kept(''),
    ],
    'names that objects have': [
      'HTTP/1.1 200 OK\r\nconstructor: 1\r\n__proto__: 2\r\ntoString: 3\r\ncontent-length: 0\r\n\r\n',
      kept(''),
    ],
  },
};

function kept(body: string, status = 200): Valid {
  return { status, body, persistent: true };
}

function closed(body: string, status = 200): Valid {
  return { status, body, persistent: false };
}

function chunked(body: string): string {
  return `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${body}`;
}

/** What undici refuses though it is valid: it counts the tab as a digit. */
export const refusedByUndici = new Set(['a body with a length: blanks around the number']);

/** Answers as latin1, each with what it has to be taken for. */
export const validAnswers = Object.entries(VALID).flatMap(([kind, cases]) =>
  Object.entries(cases).map(([what, [answer, is]]) => ({ what: `${kind}: ${what}`, answer, is })),
);
