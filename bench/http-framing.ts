const END_OF_HEAD = Buffer.from('\r\n\r\n');
const LENGTH = Buffer.from('\r\ncontent-length: ');
const DIGIT_0 = 0x30;

/** One HTTP/1.1 message with a `content-length`. */
export interface Message {
  readonly bytes: Buffer;
  readonly start: number;
  /** Where the body lies in `bytes`. */
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

/**
 * Cuts a connection's bytes into messages. Just enough of HTTP for the benchmark's own ends, which
 * run beside what is measured and must cost it as little as possible.
 */
export class HttpFraming {
  #rest: Buffer | undefined;

  /** Calls back for each message that is complete with this chunk, which is not kept. */
  push(chunk: Buffer, onMessage: (message: Message) => void): void {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = undefined;
    for (let start = 0; start < bytes.length;) {
      const headEnd = bytes.indexOf(END_OF_HEAD, start);
      const bodyStart = headEnd + END_OF_HEAD.length;
      const bodyEnd = bodyStart + (headEnd === -1 ? 0 : contentLength(bytes, start, headEnd));
      if (headEnd === -1 || bodyEnd > bytes.length) {
        // A copy: the chunk's bytes are the caller's, who reads into them again.
        this.#rest = Buffer.from(bytes.subarray(start));
        return;
      }
      onMessage({ bytes, start, bodyStart, bodyEnd });
      start = bodyEnd;
    }
  }
}

export function headOf({ bytes, start, bodyStart }: Message): string {
  return bytes.toString('latin1', start, bodyStart);
}

/** Of bytes, without a text in between, where the name is written as most do: a microsecond less. */
function contentLength(bytes: Buffer, start: number, end: number): number {
  const found = bytes.indexOf(LENGTH, start);
  if (found === -1 || found > end) {
    const head = bytes.toString('latin1', start, end);
    return Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  }
  let length = 0;
  for (let at = found + LENGTH.length; at < end; at += 1) {
    const digit = (bytes[at] ?? 0) - DIGIT_0;
    if (digit < 0 || digit > 9) break;
    length = length * 10 + digit;
  }
  return length;
}
