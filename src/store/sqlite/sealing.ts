import type Database from 'better-sqlite3';
import { isSealedByFirstKey, openSecrets, sealSecrets } from '../sealed-webhook.ts';
import type { ResealStep } from '../sealing-store.ts';
import { SEAL_LENGTH, type Vault } from '../vault.ts';
import { storedWebhook, WEBHOOK_COLUMNS, WEBHOOK_TABLES, type WebhookRow } from './webhook-rows.ts';

/** All webhooks are walked, deleted ones too: 0.2 s for 100,000. */
const SEALS = `SELECT DISTINCT substr(secret, 1, ${SEAL_LENGTH}) FROM webhook
  UNION SELECT substr(previous_secret, 1, ${SEAL_LENGTH}) FROM webhook WHERE previous_secret IS NOT NULL
  UNION SELECT substr(h.value, 1, ${SEAL_LENGTH}) FROM webhook w, json_each(w.headers) h
    WHERE w.headers IS NOT NULL`;

/** @throws StoreNotUsable where something was sealed with a key that the vault does not have */
export function judgeSeals(database: Database.Database, vault: Vault): void {
  vault.judge(database.prepare<[], string>(SEALS).pluck().all());
}

/** Brings what was sealed with another key, or not at all, under the first one. */
export class Sealing {
  readonly #database: Database.Database;
  readonly #vault: Vault;
  readonly #select: Database.Statement<[number, number], WebhookRow>;
  readonly #update: Database.Statement;

  constructor(database: Database.Database, vault: Vault) {
    this.#database = database;
    this.#vault = vault;
    this.#select = database.prepare(
      `SELECT ${WEBHOOK_COLUMNS} FROM ${WEBHOOK_TABLES} WHERE w.id > ? ORDER BY w.id LIMIT ?`,
    );
    this.#update = database.prepare(
      'UPDATE webhook SET secret = ?, previous_secret = ?, headers = ? WHERE id = ?',
    );
  }

  /** Nothing about a webhook changes by it: it keeps its version. */
  reseal(after: number, limit: number): ResealStep {
    const rows = this.#select.all(after, limit);
    let changed = 0;
    for (const row of rows) {
      const stored = storedWebhook(row);
      if (isSealedByFirstKey(stored, this.#vault)) continue;
      const { accountId } = stored;
      const plain = openSecrets(stored, this.#vault);
      const sealed = sealSecrets({ ...plain, accountId }, this.#vault);
      const headers = sealed.headers && JSON.stringify(sealed.headers);
      this.#update.run(sealed.secret, sealed.previousSecret?.secret ?? null, headers, stored.id);
      changed += 1;
    }
    return { changed, last: rows.at(-1)?.id ?? null };
  }

  /**
   * Outside of a transaction: writes the whole file anew. What rows said before lies in the free space of
   * its pages still, and SQLite hands those on to other tables: of 400 webhooks 147 secrets were found so.
   */
  rewrite(): void {
    // The copy that it makes meanwhile is as large as the file.
    this.#database.pragma('temp_store = FILE');
    try {
      this.#database.exec('VACUUM');
    } finally {
      this.#database.pragma('temp_store = MEMORY');
    }
  }
}
