import { randomUUID } from 'node:crypto';
import { openStore } from '../app.ts';
import { StoreNotUsable, StoreUnavailable, type Store } from '../store/store.ts';
import { Log } from '../telemetry/log.ts';
import { fail, readSettings, type Flags } from './settings.ts';

/** Webhooks in one transaction: nobody waits long for it. */
const AT_A_TIME = 500;

/** `posthorn reencrypt`: brings all secrets under the first key of POSTHORN_ENCRYPTION_KEY. */
export async function reencrypt(flags: Flags): Promise<void> {
  const config = readSettings(flags);
  if (!config) return;
  if (config.encryptionKeys.length === 0) {
    return fail('POSTHORN_ENCRYPTION_KEY is not set: there is no key to encrypt with');
  }
  try {
    await using store = await openStore(config, randomUUID(), new Log('warn'));
    console.log(`Encrypted the secrets of ${await resealAll(store)} webhooks with the first key.`);
  } catch (error) {
    if (!(error instanceof StoreNotUsable || error instanceof StoreUnavailable)) throw error;
    fail(error.message);
  }
}

async function resealAll(store: Pick<Store, 'reseal'>): Promise<number> {
  let total = 0;
  for (let after = 0; ;) {
    const { changed, last } = await store.reseal(after, AT_A_TIME);
    total += changed;
    if (last === null) return total;
    after = last;
  }
}
