import type { CommitLoop } from '../../src/store/commit-loop.ts';
import type { AcceptEnding, RecordEnding } from '../../src/store/commit-queue.ts';
import type { AcceptEntry, RecordEntry } from '../../src/store/store.ts';

/** What became of one entry that was put into the loop. */
export function accepting(loop: CommitLoop, entry: AcceptEntry): Promise<AcceptEnding> {
  return new Promise((settle) => loop.accept(entry, settle));
}

export function recording(loop: CommitLoop, entry: RecordEntry): Promise<RecordEnding> {
  return new Promise((settle) => loop.record(entry, settle));
}
