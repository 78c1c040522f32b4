/** The webhooks' endpoint: a process of its own that answers 200 at once, and notes what came when. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { monotonicMs } from './clock.ts';
import { readNumber } from './event-body.ts';
import { headOf, HttpFraming, type Message } from './http-framing.ts';

export type ReceiverOrder =
  /** Whether paths that begin with /hang get no answer; those that wait for one get it when it ends. */
  | { readonly kind: 'hang'; readonly on: boolean }
  /** From now on every so manieth event is told of when it comes. */
  | { readonly kind: 'sample'; readonly every: number }
  | { readonly kind: 'count' }
  | { readonly kind: 'report' };

/** An event whose POST has come just now. */
export interface Sample {
  readonly number: number;
  readonly eventId: string;
}

export interface ReceiverReport {
  /** POSTs in all. */
  readonly requests: number;
  /** Events that came at least once. */
  readonly distinct: number;
  /** By the event's number: when it first came, on the monotonic clock; 0: never. */
  readonly receivedAt: Float64Array<ArrayBuffer>;
}

const OK = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
const HANGING_PATH = 'POST /hang';
const EVENT_ID = /\r\nwebhook-id: (\S+)/i;

class Receiver {
  #requests = 0;
  #receivedAt = new Float64Array(1 << 18);
  #last = -1;
  #hanging = false;
  #sampleEvery = Infinity;
  readonly #unanswered = new Set<Socket>();

  serve(socket: Socket): void {
    const framing = new HttpFraming();
    socket.setNoDelay(true);
    const onMessage = (message: Message): void => this.#receive(socket, message);
    socket.on('data', (chunk) => framing.push(chunk, onMessage));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#unanswered.delete(socket));
  }

  hang(on: boolean): void {
    this.#hanging = on;
    if (on) return;
    for (const socket of this.#unanswered) socket.write(OK);
    this.#unanswered.clear();
  }

  sample(every: number): void {
    this.#sampleEvery = every;
  }

  /** POSTs so far. */
  get requests(): number {
    return this.#requests;
  }

  report(): ReceiverReport {
    const receivedAt = this.#receivedAt.slice(0, this.#last + 1);
    let distinct = 0;
    for (const time of receivedAt) if (time > 0) distinct += 1;
    return { requests: this.#requests, distinct, receivedAt };
  }

  #receive(socket: Socket, message: Message): void {
    this.#requests += 1;
    const number = readNumber(message.bytes, message.bodyStart);
    if (number >= 0) this.#note(number);
    if (number % this.#sampleEvery === 0) sendSample(number, headOf(message));
    if (this.#hanging && headOf(message).startsWith(HANGING_PATH)) this.#unanswered.add(socket);
    else socket.write(OK);
  }

  #note(number: number): void {
    if (number >= this.#receivedAt.length) {
      const longer = new Float64Array(Math.max(number + 1, this.#receivedAt.length * 2));
      longer.set(this.#receivedAt);
      this.#receivedAt = longer;
    }
    this.#receivedAt[number] ||= monotonicMs();
    if (number > this.#last) this.#last = number;
  }
}

function sendSample(number: number, head: string): void {
  const eventId = EVENT_ID.exec(head)?.[1];
  if (eventId !== undefined) process.send?.({ sample: { number, eventId } });
}

const receiver = new Receiver();
const server = createServer((socket) => receiver.serve(socket));
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ origin: `http://127.0.0.1:${port}` });
});
process.on('message', (order: ReceiverOrder) => process.send?.(answer(order)));
process.once('disconnect', () => process.exit());

function answer(order: ReceiverOrder): object {
  if (order.kind === 'report') return receiver.report();
  if (order.kind === 'count') return { requests: receiver.requests };
  if (order.kind === 'hang') receiver.hang(order.on);
  else receiver.sample(order.every);
  return {};
}
