import { parentPort, workerData } from 'node:worker_threads';
import { allThatWaits, groupCalls, type CallGroup, type CommitGroup } from './call-groups.ts';
import { Reader } from './reader.ts';
import { flatten } from './sql-errors.ts';
import type { Call, Reply, ThreadData } from './thread-protocol.ts';
import { Vault } from '../vault.ts';
import { Writer } from './writer.ts';

/** The synchronous half of a thread: a connection that answers calls. */
interface Connection {
  /** @returns a value for each call of the group */
  answer(group: CallGroup): readonly unknown[];
  /** Work that is done when calls have been answered. */
  tidy(): void;
}

const port = parentPort;
if (!port) throw new Error('This file is run as a thread of the SQLite store');

let connection: Connection | undefined;
/** The failed sync, or the damage, after which nothing is promised: a later sync would succeed. */
let broken: unknown;
tell(() => {
  connection = open(workerData as ThreadData);
  return [undefined];
});

port.on('message', (first: Call) => {
  for (const group of groupCalls(allThatWaits(port, first))) serve(group);
});

function serve(group: CallGroup): void {
  const alone = group.kind !== 'commits' || group.batches.length === 1;
  if (alone) tell(() => answer(group));
  else serveTogether(group);
  if (group.kind === 'close') return port?.close();
  // The callers have their answers by now; a checkpoint delays only the next ones.
  try {
    connection?.tidy();
  } catch (error) {
    tellOf({ besideError: flatten(noted(error)) });
  }
}

function answer(group: CallGroup): readonly unknown[] {
  if (broken !== undefined && group.kind !== 'close') throw broken;
  try {
    return connection?.answer(group) ?? [];
  } catch (error) {
    throw noted(error);
  }
}

function noted(error: unknown): unknown {
  if (flatten(error).name === 'StoreBroken') broken ??= error;
  return error;
}

/** None of them is to fail by what another one holds: where that may be why, each is tried alone. */
function serveTogether(group: CommitGroup): void {
  let values: readonly unknown[];
  try {
    values = answer(group);
  } catch (error) {
    const flat = flatten(error);
    const ofTheStore = flat.name === 'StoreUnavailable' || flat.name === 'StoreBroken';
    for (const batch of group.batches) {
      if (ofTheStore) tellOf({ error: flat });
      else tell(() => answer({ kind: 'commits', batches: [batch] }));
    }
    return;
  }
  tellOf({ values });
}

function tell(work: () => readonly unknown[]): void {
  let reply: Reply;
  try {
    reply = { values: work() };
  } catch (error) {
    reply = { error: flatten(error) };
  }
  tellOf(reply);
}

function tellOf(reply: Reply): void {
  port?.postMessage(reply);
}

function open({ role, file, keys }: ThreadData): Connection {
  const vault = new Vault(keys);
  if (role === 'writer') {
    const writer = new Writer(file, vault);
    return { answer: (group) => write(writer, group), tidy: () => writer.tidy() };
  }
  const reader = new Reader(file, vault);
  return { answer: (group) => [read(reader, group)], tidy: () => undefined };
}

function read(reader: Reader, group: CallGroup): unknown {
  if (group.kind === 'read') return reader.read(group.verb, group.args);
  return group.kind === 'close' ? reader.close() : misplaced(group);
}

function write(writer: Writer, group: CallGroup): readonly unknown[] {
  return group.kind === 'commits' ? writer.commit(group.batches) : [writeOne(writer, group)];
}

function writeOne(writer: Writer, call: Exclude<CallGroup, CommitGroup>): unknown {
  switch (call.kind) {
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
    case 'close':
      return writer.close();
    case 'read':
      return misplaced(call);
  }
}

function misplaced(call: CallGroup): never {
  throw new Error(`A call of kind ${call.kind} went to the wrong thread`);
}
