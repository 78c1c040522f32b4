import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { MAX_BATCH_ROWS } from '../commit-queue.ts';
import type { FlatBatch } from './codec.ts';
import type { Call } from './thread-protocol.ts';

/** What a thread does in one step: batches share a transaction, any other call is alone. */
export type CallGroup = Exclude<Call, { kind: 'commit' }> | CommitGroup;

export interface CommitGroup {
  readonly kind: 'commits';
  readonly batches: FlatBatch[];
}

/** All that waits at the port behind a call that was taken from it, and that call. */
export function allThatWaits(port: MessagePort, first: Call): Call[] {
  const calls = [first];
  for (;;) {
    const next = receiveMessageOnPort(port);
    if (next === undefined) return calls;
    calls.push(next.message as Call);
  }
}

/** In the order in which they came. Batches that share a transaction are no larger than one may be. */
export function groupCalls(calls: readonly Call[]): CallGroup[] {
  const groups: CallGroup[] = [];
  let open: CommitGroup | undefined;
  let rows = 0;
  for (const call of calls) {
    if (call.kind !== 'commit') {
      groups.push(call);
      open = undefined;
      continue;
    }
    rows += call.batch.rows;
    if (open !== undefined && rows <= MAX_BATCH_ROWS) {
      open.batches.push(call.batch);
      continue;
    }
    open = { kind: 'commits', batches: [call.batch] };
    rows = call.batch.rows;
    groups.push(open);
  }
  return groups;
}
