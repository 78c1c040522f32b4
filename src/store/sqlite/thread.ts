import { parentPort, workerData } from 'node:worker_threads';
import { Reader } from './reader.ts';
import { flatten } from './sql-errors.ts';
import {
  BESIDE,
  OPENED,
  type Call,
  type Reply,
  type Request,
  type ThreadData,
} from './thread-protocol.ts';
import { Writer } from './writer.ts';

/** The synchronous half of a thread: a connection that answers calls. */
interface Connection {
  answer(call: Call): unknown;
  /** Work that is done when a call has been answered. */
  tidy(): void;
  close(): void;
}

const port = parentPort;
if (!port) throw new Error('This file is run as a thread of the SQLite store');

let connection: Connection | undefined;
answer(OPENED, () => {
  connection = open(workerData as ThreadData);
});

port.on('message', ({ id, call }: Request) => {
  if (call.kind === 'close') {
    answer(id, () => connection?.close());
    port.close();
    return;
  }
  answer(id, () => connection?.answer(call));
  // The caller has its answer by now; a checkpoint delays only the next one.
  try {
    connection?.tidy();
  } catch (error) {
    port.postMessage({ id: BESIDE, error: flatten(error) } satisfies Reply);
  }
});

function answer(id: number, work: () => unknown): void {
  let reply: Reply;
  try {
    reply = { id, value: work() };
  } catch (error) {
    reply = { id, error: flatten(error) };
  }
  port?.postMessage(reply);
}

function open({ role, file }: ThreadData): Connection {
  if (role === 'writer') {
    const writer = new Writer(file);
    return {
      answer: (call) => write(writer, call),
      tidy: () => writer.tidy(),
      close: () => writer.close(),
    };
  }
  const reader = new Reader(file);
  return {
    answer: (call) => (call.kind === 'read' ? reader.read(call.verb, call.args) : misplaced(call)),
    tidy: () => undefined,
    close: () => reader.close(),
  };
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
    case 'claimShards':
      return writer.claimShards(call.shards);
    case 'read':
    case 'close':
      return misplaced(call);
  }
}

function misplaced(call: Call): never {
  throw new Error(`A call of kind ${call.kind} went to the wrong thread`);
}
