import type { EventId } from '../domain/ids.ts';
import type { RedoSet, RedoStore } from '../store/redo-store.ts';

/** Rows looked at in one read: other reads go between. */
const COUNTED_AT_A_TIME = 2_000;

/** How many deliveries a redo is about. */
export async function countRedo(
  store: Pick<RedoStore, 'countRedo'>,
  set: RedoSet,
): Promise<number> {
  let total = 0;
  let after: EventId | null = null;
  do {
    const { count, last } = await store.countRedo(set, after, COUNTED_AT_A_TIME);
    total += count;
    after = last;
  } while (after !== null);
  return total;
}
