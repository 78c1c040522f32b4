import type { Answer } from '../answer.ts';
import { headersTooLarge, MAX_HEAD_BYTES, notHttp } from './faults.ts';

/** RFC 9110, 5.6: a token and a quoted string. */
const T = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const QUOTED =
  '"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"';
/** A chunk's size, and its extensions, which mean nothing to us. */
const SIZE_LINE = new RegExp(`^([0-9A-Fa-f]+)((?:;${T}(?:=(?:${T}|${QUOTED}))?)*)\\r\\n$`);
/** Framing belongs into the head alone (RFC 9110, 6.5.1): here it is what answers are smuggled with. */
const TRAILER_LINE = new RegExp(
  `^(?!content-length:|transfer-encoding:)${T}:[\\t\\x20-\\x7e\\x80-\\xff]*\\r\\n$`,
  'i',
);
const CR = 0x0d;
const LF = 0x0a;

type Part = 'size' | 'data' | 'data-cr' | 'data-lf' | 'trailers' | 'ended';

/** A body in chunks (RFC 9112, 7.1), taken apart in whatever pieces it comes. */
export class ChunkedBody {
  #part: Part = 'size';
  /** Of the chunk that is being read. */
  #left = 0;
  #line = '';
  /** Bytes of extensions and trailers so far. */
  #beside = 0;

  get ended(): boolean {
    return this.#part === 'ended';
  }

  /**
   * Gives the data to the answer. How many bytes it took: fewer than there are where the body has ended,
   * or where the answer wants no more.
   */
  push(bytes: Buffer, answer: Answer): number {
    let at = 0;
    while (at < bytes.length && this.#part !== 'ended') {
      if (this.#part === 'size' || this.#part === 'trailers') {
        at = this.#readLine(bytes, at);
      } else if (this.#part === 'data') {
        const data = bytes.subarray(at, at + this.#left);
        if (!answer.add(data)) return at;
        at += data.length;
        this.#left -= data.length;
        if (this.#left === 0) this.#part = 'data-cr';
      } else {
        if (bytes[at] !== (this.#part === 'data-cr' ? CR : LF)) throw notHttp();
        this.#part = this.#part === 'data-cr' ? 'data-lf' : 'size';
        at += 1;
      }
    }
    return at;
  }

  #readLine(bytes: Buffer, at: number): number {
    const lf = bytes.indexOf(LF, at);
    const end = lf === -1 ? bytes.length : lf + 1;
    this.#line += bytes.toString('latin1', at, end);
    if (this.#beside + this.#line.length > MAX_HEAD_BYTES) throw headersTooLarge();
    if (lf !== -1) {
      const line = this.#line;
      this.#line = '';
      if (this.#part === 'size') this.#takeSize(line);
      else this.#takeTrailer(line);
    }
    return end;
  }

  #takeSize(line: string): void {
    const [, digits = '', extensions = ''] = SIZE_LINE.exec(line) ?? [];
    const size = Number.parseInt(digits, 16);
    if (!Number.isSafeInteger(size)) throw notHttp();
    this.#beside += extensions.length;
    this.#left = size;
    this.#part = size === 0 ? 'trailers' : 'data';
  }

  #takeTrailer(line: string): void {
    this.#beside += line.length;
    if (line === '\r\n') this.#part = 'ended';
    else if (!TRAILER_LINE.test(line)) throw notHttp();
  }
}
