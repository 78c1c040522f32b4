import type { AccountCache } from '../../src/catalog/account-cache.ts';
import type { CatalogListener } from '../../src/catalog/listener.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { CommitLoop } from '../../src/store/commit-loop.ts';
import type { CommitStore } from '../../src/store/store.ts';

function ignore(): void {}

/** A commit loop whose news nobody hears: nothing is sent. */
export function bareLoop(store: CommitStore): CommitLoop {
  return new CommitLoop(store, {
    accepted: ignore,
    disabled: ignore,
    refused: ignore,
    unavailable: ignore,
    available: ignore,
    broken: ignore,
  });
}

/** Where there is no engine that would have to know of a change. */
export function listenerOf(
  accounts: AccountCache,
): Pick<CatalogListener, 'webhookChanged' | 'webhookResumed'> {
  const webhookChanged = (webhook: Webhook): void => accounts.webhookChanged(webhook);
  return { webhookChanged, webhookResumed: webhookChanged };
}
