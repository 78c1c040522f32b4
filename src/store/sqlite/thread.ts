import { parentPort, workerData } from 'node:worker_threads';
import { Reader } from './reader.ts';
import { flatten } from './sql-errors.ts';
import type { Call, Reply, ThreadData } from './thread-protocol.ts';
import { Vault } from '../vault.ts';
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
answer(() => {
  connection = open(workerData as ThreadData);
});

port.on('message', (call: Call) => {
  if (call.kind === 'close') {
    answer(() => connection?.close());
    port.close();
    return;
  }
  answer(() => connection?.answer(call));
  // The caller has its answer by now; a checkpoint delays only the next one.
  try {
    connection?.tidy();
  } catch (error) {
    port.postMessage({ besideError: flatten(error) } satisfies Reply);
  }
});

function answer(work: () => unknown): void {
  let reply: Reply;
  try {
    reply = { value: work() };
  } catch (error) {
    reply = { error: flatten(error) };
  }
  port?.postMessage(reply);
}

function open({ role, file, keys }: ThreadData): Connection {
  const vault = new Vault(keys);
  if (role === 'writer') {
    const writer = new Writer(file, vault);
    return {
      answer: (call) => write(writer, call),
      tidy: () => writer.tidy(),
      close: () => writer.close(),
    };
  }
  const reader = new Reader(file, vault);
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
    case 'announce':
      return writer.announce(...call.args);
    case 'reseal':
      return writer.reseal(call.after, call.limit);
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
