import type { CatalogStore } from '../store/store.ts';

/** Rows in one transaction: a webhook with a million waiting must not hold up everybody's commits. */
const CANCELED_AT_A_TIME = 1_000;

/** Cancels all that is pending of a deleted or disabled webhook, in small steps; the number canceled. */
export async function cancelAllPending(
  store: Pick<CatalogStore, 'cancelPending'>,
  webhookId: number,
): Promise<number> {
  let canceled = 0;
  for (;;) {
    const step = await store.cancelPending(webhookId, CANCELED_AT_A_TIME);
    canceled += step;
    if (step === 0) return canceled;
  }
}
