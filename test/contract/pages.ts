import assert from 'node:assert/strict';
import type { Page, PageRequest } from '../../src/store/store.ts';

/** More than any test has: a list that goes round for ever is to fail, not to hang. */
const MOST_PAGES = 1_000;

/** A list to its end, page by page. No page but the only one is empty, nor longer than asked for. */
export async function everyPage<Item>(
  read: (page: PageRequest) => Promise<Page<Item>>,
  limit = 100,
  between: (pages: number) => Promise<void> = () => Promise.resolve(),
): Promise<Item[]> {
  const found: Item[] = [];
  let cursor: string | null = null;
  for (let pages = 1; pages <= MOST_PAGES; pages += 1) {
    const page: Page<Item> = await read({ limit, cursor });
    assert.ok(page.items.length <= limit, `${page.items.length} of ${limit}`);
    if (cursor !== null) assert.ok(page.items.length > 0, 'a cursor led to nothing');
    found.push(...page.items);
    cursor = page.nextCursor;
    if (cursor === null) return found;
    await between(pages);
  }
  return assert.fail('the list does not end');
}
