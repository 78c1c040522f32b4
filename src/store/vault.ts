import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { StoreNotUsable } from './store.ts';

/**
 * Begins what is encrypted. No secret and no value of a header can begin so: they are ASCII. Then come
 * the key's id, a colon, and nonce, tag and text in base64.
 */
export const SEALED = '§1:';
const KEY_ID_LENGTH = 8;
/** So much of a record says by which key it was sealed. */
export const SEAL_LENGTH = SEALED.length + KEY_ID_LENGTH;

const ALGORITHM = 'aes-256-gcm';
export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What a record is, and whose: one that was moved to another place cannot be opened there. */
export type SealedKind = 'secret' | 'header';

/**
 * Encrypts signing secrets and values of headers at rest, with AES-256-GCM. The first key seals; all of
 * them open, so that keys can be changed. Without a key everything stays as it is.
 */
export class Vault {
  readonly #keys: ReadonlyMap<string, KeyObject>;
  readonly #first: readonly [id: string, key: KeyObject] | undefined;

  constructor(keys: readonly Uint8Array[] = []) {
    const known = keys.map((key): [string, KeyObject] => [keyId(key), createSecretKey(key)]);
    this.#keys = new Map(known);
    this.#first = known[0];
  }

  seal(plain: string, accountId: number, kind: SealedKind): string {
    if (!this.#first) return plain;
    const [id, key] = this.#first;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(`${accountId}/${kind}`));
    const text = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    return `${SEALED}${id}:${Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64')}`;
  }

  /** Throws where it was sealed with a key that is not here, or was changed. */
  open(stored: string, accountId: number, kind: SealedKind): string {
    if (!stored.startsWith(SEALED)) return stored;
    const id = stored.slice(SEALED.length, SEAL_LENGTH);
    const key = this.#keys.get(id);
    if (!key) throw missing([id], this.#keys.size > 0);
    const bytes = Buffer.from(stored.slice(SEAL_LENGTH + 1), 'base64');
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(`${accountId}/${kind}`));
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const text = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  }

  /** Whether a record is as this vault would write it. */
  isCurrent(stored: string): boolean {
    return this.#first === undefined || stored.startsWith(`${SEALED}${this.#first[0]}:`);
  }

  /**
   * @param seals the beginnings of what is stored, `SEAL_LENGTH` characters each; others are passed over
   * @throws StoreNotUsable where something was sealed with a key that is not here
   */
  judge(seals: readonly string[]): void {
    const ids = seals
      .filter((seal) => seal.startsWith(SEALED))
      .map((seal) => seal.slice(SEALED.length, SEAL_LENGTH))
      .filter((id) => !this.#keys.has(id));
    if (ids.length > 0) throw missing([...new Set(ids)], this.#keys.size > 0);
  }
}

function missing(ids: readonly string[], some: boolean): StoreNotUsable {
  const found = `Secrets in the database are encrypted with the key ${ids.join(', ')}`;
  return new StoreNotUsable(
    some
      ? `${found}, which is not in POSTHORN_ENCRYPTION_KEY`
      : `${found}: POSTHORN_ENCRYPTION_KEY has to have it`,
  );
}

/** Says which key it is, and nothing of what it is. */
function keyId(key: Uint8Array): string {
  return createHash('sha256')
    .update('posthorn key id')
    .update(key)
    .digest('hex')
    .slice(0, KEY_ID_LENGTH);
}
