import type { CommitLoop } from '../../src/store/commit-loop.ts';
import type { AcceptEnding } from '../../src/store/commit-queue.ts';
import type { AcceptEntry } from '../../src/store/store.ts';

/** What became of one entry that was put into the loop. */
export function accepting(loop: CommitLoop, entry: AcceptEntry): Promise<AcceptEnding> {
  return new Promise((settle) => loop.accept(entry, settle));
}
