import type { ReceivedResponse } from '../domain/attempt.ts';

/** So much of an answer's body is read; then the connection is cut. */
const READ_BYTES = 16 * 1024;
const KEPT_BYTES = 4 * 1024;

/** What the receiver answers, its body gathered within bounds whatever it sends. */
export class Answer {
  readonly status: number;
  readonly #headers: ReceivedResponse['headers'];
  #kept: Buffer | undefined;
  #keptBytes = 0;
  #readBytes = 0;

  constructor(status: number, headers: ReceivedResponse['headers']) {
    this.status = status;
    this.#headers = headers;
  }

  /** Takes a part of the body in, as a copy. False where enough has been read. */
  add(chunk: Buffer): boolean {
    this.#readBytes += chunk.length;
    if (this.#kept === undefined) {
      // Most answers are one chunk: it is kept as long as it is.
      this.#kept = Buffer.from(chunk.subarray(0, KEPT_BYTES));
      this.#keptBytes = this.#kept.length;
    } else if (this.#keptBytes < KEPT_BYTES) {
      this.#append(this.#kept, chunk);
    }
    return this.#readBytes <= READ_BYTES;
  }

  get response(): ReceivedResponse {
    const cut = this.#readBytes > this.#keptBytes;
    const kept = this.#kept?.subarray(0, this.#keptBytes);
    return {
      status: this.status,
      headers: this.#headers,
      body: kept === undefined ? '' : storableText(cut ? wholeCharacters(kept) : kept),
    };
  }

  /** A second chunk makes room for all that may be kept: nothing grows with the number of chunks. */
  #append(kept: Buffer, chunk: Buffer): void {
    if (kept.length < KEPT_BYTES) {
      this.#kept = Buffer.alloc(KEPT_BYTES);
      kept.copy(this.#kept);
    }
    this.#keptBytes += chunk.copy(this.#kept ?? kept, this.#keptBytes);
  }
}

/** Without a character that the cut left incomplete at the end. */
function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

/** UTF-8 with U+FFFD for what is none; PostgreSQL's text holds no NUL. */
function storableText(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text;
}
