import { randomBytes } from 'node:crypto';
import { hashKey } from './http/auth.ts';
import type { AccountStore } from './store/store.ts';

const FIRST_ACCOUNT = 'default';
const KEY_BYTES = 24;

/**
 * Sees to it that there is an account and that the given key opens the first one.
 * @returns a key made here, where the store was empty and none was given; it is told this once
 */
export async function ensureFirstAccount(
  store: AccountStore,
  givenKey: string | null,
): Promise<string | null> {
  const [first] = await store.accounts();
  const accountId = first?.id ?? (await store.createAccount(FIRST_ACCOUNT));
  const madeKey =
    first || givenKey !== null ? null : `ph_${randomBytes(KEY_BYTES).toString('base64url')}`;
  const key = givenKey ?? madeKey;
  if (key !== null) await store.addApiKey(hashKey(key), { accountId, clientId: null });
  return madeKey;
}
