import { describe } from 'node:test';
import { accepting } from './accepting.ts';
import { accounts } from './accounts.ts';
import { backfilling } from './backfilling.ts';
import { announcing } from './announcing.ts';
import { campaigns } from './campaigns.ts';
import { canceling } from './canceling.ts';
import { catalog } from './catalog.ts';
import { disabling } from './disabling.ts';
import { due } from './due.ts';
import { duplicates } from './duplicates.ts';
import { encryption } from './encryption.ts';
import { explaining } from './explaining.ts';
import { explainingHistories } from './explaining-histories.ts';
import { explainingRaces } from './explaining-races.ts';
import { failing } from './failing.ts';
import { fencing } from './fencing.ts';
import type { StoreHarness } from './harness.ts';
import { health } from './health.ts';
import { keeping } from './keeping.ts';
import { lifecycle } from './lifecycle.ts';
import { looking } from './looking.ts';
import { ordering } from './ordering.ts';
import { outages } from './outages.ts';
import { paging } from './paging.ts';
import { recording } from './recording.ts';
import { refusals } from './refusals.ts';
import { replaying } from './replaying.ts';
import { reopening } from './reopening.ts';
import { retention } from './retention.ts';
import { retrying } from './retrying.ts';
import { secrets } from './secrets.ts';
import { similarWebhooks } from './similar-webhooks.ts';
import { staleAccepts } from './stale-accepts.ts';
import { tenancy } from './tenancy.ts';
import { TestStore } from './test-store.ts';
import { webhookStatus } from './webhook-status.ts';

const CONCERNS: readonly ((opened: TestStore) => void)[] = [
  accounts,
  catalog,
  similarWebhooks,
  webhookStatus,
  secrets,
  campaigns,
  accepting,
  duplicates,
  staleAccepts,
  recording,
  canceling,
  disabling,
  health,
  failing,
  announcing,
  fencing,
  due,
  ordering,
  retrying,
  replaying,
  backfilling,
  looking,
  paging,
  explaining,
  explainingHistories,
  explainingRaces,
  keeping,
  tenancy,
  refusals,
  outages,
  lifecycle,
  retention,
  reopening,
  encryption,
];

/**
 * What every adapter of the port in src/store/store.ts has to hold to: nothing here knows a database.
 * What opening meets (damage, newer versions, a second server) and failing disks are the adapter's
 * own and tested with it.
 */
export function storeContract(harness: StoreHarness): void {
  describe(`the store's contract, kept by ${harness.name}`, () => {
    const opened = TestStore.shared(harness);
    for (const concern of CONCERNS) concern(opened);
  });
}
