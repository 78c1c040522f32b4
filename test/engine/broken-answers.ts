const BROKEN: Record<string, Record<string, string>> = {
  'another beginning': {
    'nothing of HTTP': 'garbage\r\n\r\n',
    'an empty line first': '\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
    'a blank first': ' HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
    'small letters': 'http/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
    'HTTP/0.9': 'HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.2': 'HTTP/1.2 200 OK\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.10': 'HTTP/1.10 200 OK\r\ncontent-length: 0\r\n\r\n',
    'HTTP/2.0': 'HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n',
    'HTTPS/1.1': 'HTTPS/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
    'another protocol': 'RTSP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
    'a request': 'POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n',
    TLS: '\x15\x03\x01\0\x02\x02\x50',
    'HTTP/2': '\0\0\x12\x04\0\0\0\0\0\0\x03\0\0',
  },
  'the status': {
    'of two digits': 'HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n',
    'of four digits': 'HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n',
    'below 100': 'HTTP/1.1 099 OK\r\ncontent-length: 0\r\n\r\n',
    negative: 'HTTP/1.1 -20 OK\r\ncontent-length: 0\r\n\r\n',
    'of letters': 'HTTP/1.1 abc OK\r\ncontent-length: 0\r\n\r\n',
    missing: 'HTTP/1.1\r\ncontent-length: 0\r\n\r\n',
    'behind two blanks': 'HTTP/1.1  200 OK\r\ncontent-length: 0\r\n\r\n',
    'behind a tab': 'HTTP/1.1\t200 OK\r\ncontent-length: 0\r\n\r\n',
    'with a NUL in its reason': 'HTTP/1.1 200 O\0K\r\ncontent-length: 0\r\n\r\n',
  },
  'what announces an answer': {
    'and the end of the connection':
      'HTTP/1.1 103 X\r\nconnection: close\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
    'in HTTP/1.0': 'HTTP/1.0 103 X\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
    broken: 'HTTP/1.1 103 X\r\nx\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
  },
  'line ends': {
    'LF alone everywhere': 'HTTP/1.1 200 OK\ncontent-length: 0\n\n',
    'LF alone behind the status': 'HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n',
    'LF alone behind a header': 'HTTP/1.1 200 OK\r\nx: 1\ncontent-length: 0\r\n\r\n',
    'LF alone as the empty line': 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\n',
    'CR alone behind the status': 'HTTP/1.1 200 OK\rcontent-length: 0\r\n\r\n',
    'CR alone in a value':
      'HTTP/1.1 200 OK\r\nx: 1\rcontent-length: 5\r\ncontent-length: 0\r\n\r\n',
    'CR twice': 'HTTP/1.1 200 OK\r\nx: 1\r\r\ncontent-length: 0\r\n\r\n',
  },
  'header lines': {
    'a folded one': 'HTTP/1.1 200 OK\r\nx: 1\r\n 2\r\ncontent-length: 0\r\n\r\n',
    'one folded with a tab': 'HTTP/1.1 200 OK\r\nx: 1\r\n\t2\r\ncontent-length: 0\r\n\r\n',
    'a blank before the first': 'HTTP/1.1 200 OK\r\n content-length: 0\r\n\r\n',
    'a blank before the colon': 'HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n',
    'a tab before the colon': 'HTTP/1.1 200 OK\r\ncontent-length\t: 0\r\n\r\n',
    'a blank in the name': 'HTTP/1.1 200 OK\r\nx y: 1\r\ncontent-length: 0\r\n\r\n',
    'no name': 'HTTP/1.1 200 OK\r\n: 1\r\ncontent-length: 0\r\n\r\n',
    'no colon': 'HTTP/1.1 200 OK\r\nx\r\ncontent-length: 0\r\n\r\n',
    'a name in latin1': 'HTTP/1.1 200 OK\r\nx\xe4: 1\r\ncontent-length: 0\r\n\r\n',
    'a name with a parenthesis': 'HTTP/1.1 200 OK\r\nx(1): 1\r\ncontent-length: 0\r\n\r\n',
    'a NUL in the name': 'HTTP/1.1 200 OK\r\nx\0: 1\r\ncontent-length: 0\r\n\r\n',
    'a NUL in the value': 'HTTP/1.1 200 OK\r\nx: \0\r\ncontent-length: 0\r\n\r\n',
    'a backspace in the value': 'HTTP/1.1 200 OK\r\nx: \b\r\ncontent-length: 0\r\n\r\n',
    'a form feed in the value': 'HTTP/1.1 200 OK\r\nx: \f\r\ncontent-length: 0\r\n\r\n',
    'a DEL in the value': 'HTTP/1.1 200 OK\r\nx: \x7f\r\ncontent-length: 0\r\n\r\n',
  },
  'the length': {
    'twice, differing': 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
    'twice, the same': 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\nContent-Length: 1\r\n\r\na',
    'as a list': 'HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n\r\na',
    empty: 'HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n',
    'with a plus': 'HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\na',
    negative: 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\na',
    'in hexadecimal': 'HTTP/1.1 200 OK\r\ncontent-length: 0x1\r\n\r\na',
    'with an exponent': 'HTTP/1.1 200 OK\r\ncontent-length: 1e1\r\n\r\n0123456789',
    'with a fraction': 'HTTP/1.1 200 OK\r\ncontent-length: 1.0\r\n\r\na',
    'in two words': 'HTTP/1.1 200 OK\r\ncontent-length: 1 1\r\n\r\n01234567890',
    'in other digits': 'HTTP/1.1 200 OK\r\ncontent-length: \xb2\r\n\r\nab',
    'with a no-break space': 'HTTP/1.1 200 OK\r\ncontent-length: 1\xa0\r\n\r\na',
    'beyond every number': 'HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551617\r\n\r\na',
    'and chunks':
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'behind chunks':
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n',
    'and another coding':
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: gzip\r\n\r\na',
  },
  chunks: {
    'in chunks': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n',
    'in chunks, on two lines':
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'without a size': chunked('\r\nabc\r\n0\r\n\r\n'),
    'with a size that is none': chunked('x\r\nabc\r\n0\r\n\r\n'),
    'with a negative size': chunked('-3\r\nabc\r\n0\r\n\r\n'),
    'with a size behind 0x': chunked('0x3\r\nabc\r\n0\r\n\r\n'),
    'with a blank before the size': chunked(' 3\r\nabc\r\n0\r\n\r\n'),
    'with a blank behind the size': chunked('3 \r\nabc\r\n0\r\n\r\n'),
    'with a size beyond every number': chunked('fffffffffffffffff\r\nabc\r\n0\r\n\r\n'),
    'with LF alone behind the size': chunked('3\nabc\r\n0\r\n\r\n'),
    'with CR alone behind the size': chunked('3\rabc\r\n0\r\n\r\n'),
    'with data that is longer': chunked('3\r\nabcd\r\n0\r\n\r\n'),
    'with data that is shorter': chunked('3\r\nab\r\n0\r\n\r\n'),
    'with something else behind the data': chunked('3\r\nabcxx0\r\n\r\n'),
    'with LF alone behind the data': chunked('3\r\nabc\n0\r\n\r\n'),
    'with CR alone behind the data': chunked('3\r\nabc\r0\r\n\r\n'),
    'with a NUL in an extension': chunked('3;a=\0\r\nabc\r\n0\r\n\r\n'),
    'with LF alone in an extension': chunked('3;a\nb\r\nabc\r\n0\r\n\r\n'),
    'with CR alone in an extension': chunked('3;a\rb\r\nabc\r\n0\r\n\r\n'),
    'with a trailer that is none': chunked('0\r\nx\r\n\r\n'),
    'with a folded trailer': chunked('0\r\nx: 1\r\n 2\r\n\r\n'),
    'with an answer for a trailer': chunked('0\r\nHTTP/1.1 200 OK\r\n\r\n'),
    'with a length for a trailer': chunked('0\r\nContent-Length: 0\r\n\r\n'),
    'with a coding for a trailer': chunked('0\r\nTransfer-Encoding: chunked\r\n\r\n'),
    'with LF alone behind a trailer': chunked('0\r\nx: 1\n\r\n'),
    'with LF alone at the end': chunked('0\r\n\n'),
  },
};

function chunked(body: string): string {
  return `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${body}`;
}

/** What llhttp lets pass though it is broken, or is not HTTP/1.1. */
export const takenByLlhttp = new Set([
  'another beginning: an empty line first',
  'another beginning: HTTP/0.9',
  'another beginning: HTTP/2.0',
  'another beginning: another protocol',
  'the status: with a NUL in its reason',
  'chunks: in chunks',
  'chunks: with a coding for a trailer',
  'chunks: in chunks, on two lines',
]);

/** Answers as latin1 that are no HTTP. */
export const brokenAnswers = Object.entries(BROKEN).flatMap(([kind, cases]) =>
  Object.entries(cases).map(([what, answer]) => ({ what: `${kind}: ${what}`, answer })),
);
