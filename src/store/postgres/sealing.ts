import { isSealedByFirstKey, openSecrets, sealSecrets } from '../sealed-webhook.ts';
import type { ResealStep } from '../sealing-store.ts';
import { SEAL_LENGTH, type Vault } from '../vault.ts';
import type { Session } from './session.ts';
import type { SessionPool } from './session-pool.ts';
import { storedWebhook, WEBHOOK_COLUMNS, WEBHOOK_TABLES, type WebhookRow } from './webhook-rows.ts';

/** All webhooks are walked, deleted ones too. */
const SEALS = {
  text: `SELECT left(secret, ${SEAL_LENGTH}) AS seal FROM webhook
    UNION SELECT left(previous_secret, ${SEAL_LENGTH}) FROM webhook WHERE previous_secret IS NOT NULL
    UNION SELECT left(h.value, ${SEAL_LENGTH}) FROM webhook w, json_each_text(w.headers) AS h
      WHERE w.headers IS NOT NULL`,
};

/** Locked: a change that a node makes meanwhile comes before or after, and is not lost. */
const NEXT = {
  name: 'next_to_reseal',
  text: `SELECT ${WEBHOOK_COLUMNS} FROM ${WEBHOOK_TABLES}
    WHERE w.id > $1 ORDER BY w.id LIMIT $2 FOR UPDATE OF w`,
};

const RESEAL = {
  name: 'reseal',
  text: 'UPDATE webhook SET secret = $2, previous_secret = $3, headers = $4 WHERE id = $1',
};

/** @throws StoreNotUsable where something was sealed with a key that the vault does not have */
export async function judgeSeals(session: Session, vault: Vault): Promise<void> {
  const rows = await session.query<{ seal: string }>(SEALS);
  vault.judge(rows.map(({ seal }) => seal));
}

/** Brings what was sealed with another key, or not at all, under the first one. */
export class Sealing {
  readonly #pool: SessionPool;
  readonly #vault: Vault;

  constructor(pool: SessionPool, vault: Vault) {
    this.#pool = pool;
    this.#vault = vault;
  }

  /** Nothing about a webhook changes by it: it keeps its version. */
  reseal(after: number, limit: number): Promise<ResealStep> {
    return this.#pool.transaction(async (session) => {
      const rows = await session.query<WebhookRow>(NEXT, [after, limit]);
      let changed = 0;
      for (const row of rows) {
        const stored = storedWebhook(row);
        if (isSealedByFirstKey(stored, this.#vault)) continue;
        const plain = openSecrets(stored, this.#vault);
        const sealed = sealSecrets({ ...plain, accountId: stored.accountId }, this.#vault);
        const headers = sealed.headers && JSON.stringify(sealed.headers);
        const values = [stored.id, sealed.secret, sealed.previousSecret?.secret ?? null, headers];
        await session.query(RESEAL, values);
        changed += 1;
      }
      return { changed, last: rows.at(-1)?.id ?? null };
    });
  }
}
