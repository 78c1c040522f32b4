import { parentPort, workerData } from 'node:worker_threads';
import type { FlatBatch } from './codec.ts';
import { Reader, type ReadVerb } from './reader.ts';
import { flatten, type FlatError } from './sql-errors.ts';
import { Writer, type ChangeVerb } from './writer.ts';

/** What a thread is told to be. */
export interface ThreadData {
  readonly role: 'writer' | 'reader';
  readonly file: string;
}

export type Call =
  | { readonly kind: 'commit'; readonly batch: FlatBatch }
  | { readonly kind: 'change'; readonly verb: ChangeVerb; readonly args: readonly unknown[] }
  | { readonly kind: 'read'; readonly verb: ReadVerb; readonly args: readonly unknown[] }
  | { readonly kind: 'expire'; readonly before: number; readonly limit: number }
  | { readonly kind: 'probe' | 'acquireShards' | 'close' };

export interface Request {
  readonly id: number;
  readonly call: Call;
}

/** An answer to a request, or, with id 0, that something broke beside any request. */
export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: FlatError };

/** The id of the reply that says whether opening went well. */
export const OPENED = -1;
export const BESIDE = 0;

const port = parentPort;
if (!port) throw new Error('This file is run as a thread of the SQLite store');
serve(workerData as ThreadData);

function serve({ role, file }: ThreadData): void {
  let handle: ((call: Call) => unknown) | undefined;
  let tidy: (() => void) | undefined;
  attempt(OPENED, () => {
    if (role === 'writer') {
      const writer = new Writer(file);
      handle = (call) => write(writer, call);
      tidy = () => writer.tidy();
    } else {
      const reader = new Reader(file);
      handle = (call) => read(reader, call);
    }
  });
  port?.on('message', ({ id, call }: Request) => {
    attempt(id, () => handle?.(call));
    if (call.kind === 'close') {
      port.close();
      return;
    }
    // The caller has its answer by now; a checkpoint delays only the next one.
    if (tidy) attempt(BESIDE, tidy);
  });
}

function attempt(id: number, work: () => unknown): void {
  let reply: Reply;
  try {
    reply = { id, value: work() };
    if (id === BESIDE) return;
  } catch (error) {
    reply = { id, error: flatten(error) };
  }
  port?.postMessage(reply);
}

function write(writer: Writer, call: Call): unknown {
  switch (call.kind) {
    case 'commit':
      return writer.commit(call.batch);
    case 'change':
      return writer.change(call.verb, call.args);
    case 'expire':
      return writer.expire(call.before, call.limit);
    case 'probe':
      return writer.probe();
    case 'acquireShards':
      return writer.acquireShards();
    case 'close':
      return writer.close();
    case 'read':
      throw new Error('The writer does not read');
  }
}

function read(reader: Reader, call: Call): unknown {
  switch (call.kind) {
    case 'read':
      return reader.call(call.verb, call.args);
    case 'close':
      return reader.close();
    case 'commit':
    case 'change':
    case 'expire':
    case 'probe':
    case 'acquireShards':
      throw new Error('The reader does not write');
  }
}
