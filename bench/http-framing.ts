const END_OF_HEAD = Buffer.from('\r\n\r\n');

/** One HTTP/1.1 message with a `content-length`. */
export interface Message {
  readonly head: string;
  readonly bytes: Buffer;
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
      const head = headEnd === -1 ? '' : bytes.toString('latin1', start, headEnd);
      const bodyStart = headEnd + END_OF_HEAD.length;
      const bodyEnd = bodyStart + contentLength(head);
      if (headEnd === -1 || bodyEnd > bytes.length) {
        // A copy: the chunk's bytes are the caller's, who reads into them again.
        this.#rest = Buffer.from(bytes.subarray(start));
        return;
      }
      onMessage({ head, bytes, bodyStart, bodyEnd });
      start = bodyEnd;
    }
  }
}

function contentLength(head: string): number {
  return Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
}
