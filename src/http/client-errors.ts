import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { headText, JSON_TYPE } from './answer-headers.ts';
import { errorBody } from './errors.ts';
import { newRequestId } from './request-id.ts';

const MALFORMED = 'malformed_request';

/** What Node's parser refuses: there is no request yet, so the answer is written by hand. */
const ANSWERS: Readonly<Record<string, [status: number, code: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'headers_too_large', 'The headers are too large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'payload_too_large', 'The chunk extensions are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'request_timeout', 'The request took too long to arrive'],
};

/** How long the rest of a refused request is read: closed at once, the answer could be lost. */
const LINGER_MS = 1_000;

/** Called for every further piece of a refused request too: the first one is answered. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.writableEnded) return;
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, code, message] = ANSWERS[error.code ?? ''] ?? [
    400,
    MALFORMED,
    'The request is not valid HTTP',
  ];
  const body = JSON.stringify(errorBody(code, message));
  socket.end(`${headText(status, headersOf(body))}\r\n${body}`);
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** A hook, since Node by itself would answer with a bare status. HTTP/1.0 needs no Host. */
export function requireHost(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  if (request.headers.host !== undefined || request.raw.httpVersion !== '1.1') return done();
  reply.hijack();
  refuse(reply.raw, 400, 'The request has no Host header');
}

/** For `checkExpectation`: here too Node's own answer would be a bare status. */
export function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  refuse(response, 417, 'Of Expect only 100-continue is understood');
}

function refuse(response: ServerResponse, status: number, message: string): void {
  const body = JSON.stringify(errorBody(MALFORMED, message));
  response.writeHead(status, headersOf(body));
  response.end(body);
}

function headersOf(body: string): Record<string, string> {
  return {
    'content-type': JSON_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    'x-request-id': newRequestId(),
    connection: 'close',
  };
}
