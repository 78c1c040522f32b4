import { Answer } from '../answer.ts';
import { ChunkedBody } from './chunked-body.ts';
import { closedEarly, headersTooLarge, MAX_HEAD_BYTES, notHttp } from './faults.ts';
import { responseHead, type ResponseHead } from './response-head.ts';

/** After some bytes: more are awaited, the answer is whole, or as much of it as anybody needs is read. */
export type Progress = 'more' | 'whole' | 'enough';

/** No line of a head may hold these: controls, a CR or an LF alone. */
const NO_LINE = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?=[^\n])|(?<!\r)\n/;
const BEGINNING = /^HTTP\/1\.[01] [1-9]\d\d[ \r]/;
const BEGINNING_LENGTH = 13;

/** Heads up to this are remembered: receivers answer the same again and again. */
const REMEMBERED_BYTES = 1_024;

/**
 * One answer after another from a connection's bytes, in whatever pieces they come. Strict as llhttp is:
 * what is not HTTP/1.1 throws the failure that it is.
 */
export class ResponseParser {
  /** What is known of the answer so far; undefined until its head is whole. */
  answer: Answer | undefined;
  #text = '';
  #body: number | 'until-close' | ChunkedBody = 0;
  #head: ResponseHead | undefined;
  #remembered = '';
  #rememberedHead: ResponseHead | undefined;
  /** Bytes came behind the end of the answer. */
  #overrun = false;

  /** Forgets the answer: the next bytes begin another one. */
  reset(): void {
    this.answer = undefined;
    this.#text = '';
    this.#body = 0;
    this.#head = undefined;
    this.#overrun = false;
  }

  /** Whether nothing in the answer, now whole, speaks against another request over its connection. */
  get persistent(): boolean {
    return this.#head?.persistent === true && !this.#overrun;
  }

  get keepAliveMs(): number {
    return this.#head?.keepAliveMs ?? 0;
  }

  /** Takes in the first `length` of these bytes; keeps none of them. */
  push(bytes: Buffer, length = bytes.length): Progress {
    let at = 0;
    while (this.answer === undefined) {
      at = this.#readHead(bytes, at, length);
      if (at === -1) return 'more';
    }
    return this.#readBody(this.answer, bytes, at, length);
  }

  /** No more bytes will come. Throws where that is no end. */
  end(): void {
    if (this.#body !== 'until-close') throw closedEarly();
  }

  /** Where the head ended; -1 where it has not. */
  #readHead(bytes: Buffer, at: number, length: number): number {
    const before = this.#text.length;
    const room = Math.min(length, at + MAX_HEAD_BYTES - before);
    const text =
      before === 0
        ? bytes.toString('latin1', at, room)
        : this.#text + bytes.toString('latin1', at, room);
    let end = this.#remembered.length;
    let head = this.#rememberedHead;
    if (head === undefined || !text.startsWith(this.#remembered)) {
      end = text.indexOf('\r\n\r\n', Math.max(before - 3, 0)) + 4;
      if (end === 3) return this.#await(text, before);
      const whole = text.slice(0, end);
      if (NO_LINE.test(whole)) throw notHttp();
      head = responseHead(whole);
      if (end <= REMEMBERED_BYTES) {
        this.#remembered = whole;
        this.#rememberedHead = head;
      }
    }
    this.#text = '';
    if (head.status >= 200) {
      this.#head = head;
      this.#body = head.framing === 'chunked' ? new ChunkedBody() : head.framing;
      this.answer = new Answer(head.status, head.headers);
    }
    return at + end - before;
  }

  /** More of the head is to come, unless it is known already that it is none. */
  #await(text: string, before: number): number {
    // What is new, with a CR that waits for its LF: a head that drips is not read again and again.
    const from = text[before - 1] === '\r' ? before - 1 : before;
    if (NO_LINE.test(text.slice(from))) throw notHttp();
    const isHttp =
      text.length < BEGINNING_LENGTH
        ? 'HTTP/1.'.startsWith(text.slice(0, 7))
        : BEGINNING.test(text);
    if (!isHttp) throw notHttp();
    if (text.length >= MAX_HEAD_BYTES) throw headersTooLarge();
    this.#text = text;
    return -1;
  }

  #readBody(answer: Answer, bytes: Buffer, at: number, length: number): Progress {
    const body = this.#body;
    if (body === 0) {
      this.#overrun ||= length > at;
      return 'whole';
    }
    if (at === length) return 'more';
    const rest = bytes.subarray(at, length);
    if (body === 'until-close') return answer.add(rest) ? 'more' : 'enough';
    if (typeof body === 'number') return this.#readCounted(answer, rest, body);
    const taken = body.push(rest, answer);
    if (body.ended) {
      this.#overrun = taken < rest.length;
      return 'whole';
    }
    return taken < rest.length ? 'enough' : 'more';
  }

  #readCounted(answer: Answer, rest: Buffer, left: number): Progress {
    this.#overrun = rest.length > left;
    const data = this.#overrun ? rest.subarray(0, left) : rest;
    this.#body = left - data.length;
    if (!answer.add(data)) return 'enough';
    return this.#body === 0 ? 'whole' : 'more';
  }
}
