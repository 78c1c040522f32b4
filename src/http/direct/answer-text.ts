import type { Socket } from 'node:net';
import { answerHeaders, headerLines, headText, JSON_TYPE } from '../answer-headers.ts';

export interface DirectAnswer {
  readonly requestId: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/**
 * Writes an answer as node:http would.
 * @param keepAliveSeconds for how long the connection is kept after it; 0: it is closed
 */
export function writeAnswer(
  socket: Socket,
  { requestId, status, headers, body }: DirectAnswer,
  keepAliveSeconds: number,
): void {
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  let lines = headText(status, answerHeaders(requestId));
  lines += `content-type: ${JSON_TYPE}\r\ncontent-length: ${length}\r\n`;
  lines += `${headerLines(headers)}Date: ${dateText()}\r\n`;
  lines +=
    keepAliveSeconds > 0
      ? `Connection: keep-alive\r\nKeep-Alive: timeout=${keepAliveSeconds}\r\n\r\n`
      : 'Connection: close\r\n\r\n';
  // What is ASCII goes out without being encoded.
  socket.write(lines + text, length === text.length ? 'latin1' : 'utf8');
}

let dateOf = 0;
let date = '';

/** Made once a second. */
function dateText(): string {
  const second = Math.floor(Date.now() / 1_000);
  if (second !== dateOf) {
    dateOf = second;
    date = new Date(second * 1_000).toUTCString();
  }
  return date;
}
