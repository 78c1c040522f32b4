import { randomBytes } from 'node:crypto';
import { hashKey } from './domain/api-key.ts';
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
  const key = givenKey ?? `ph_${randomBytes(KEY_BYTES).toString('base64url')}`;
  const created = await store.createFirstAccount(FIRST_ACCOUNT, hashKey(key));
  if (givenKey === null) return created ? key : null;
  const [first] = await store.accounts();
  if (first) await store.addApiKey(hashKey(givenKey), { accountId: first.id, clientId: null });
  return null;
}
