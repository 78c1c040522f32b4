import type Database from 'better-sqlite3';

/** Ids remembered as registered; beyond it the memory is emptied, which costs look-ups only. */
const MAX_REMEMBERED = 100_000;

type Kind = 'campaign' | 'client' | 'category';

/**
 * Registers ids of the caller's own at their first mention. Which ones are registered is remembered,
 * so that in the steady state it costs nothing; `forget` after a transaction that was rolled back.
 */
export class Registrar {
  readonly #insert: Record<Kind, Database.Statement<[number, number, number, number]>>;
  readonly #known = new Map<string, Set<number>>();
  #size = 0;

  constructor(database: Database.Database) {
    const insert = (kind: Kind): Database.Statement<[number, number, number, number]> =>
      database.prepare(
        `INSERT INTO ${kind} (account_id, id, created_at, updated_at) VALUES (?, ?, ?, ?)
         ON CONFLICT DO NOTHING`,
      );
    this.#insert = {
      campaign: insert('campaign'),
      client: insert('client'),
      category: insert('category'),
    };
  }

  register(kind: Kind, accountId: number, id: number | null, now: number): void {
    if (id === null) return;
    const known = this.#knownOf(kind, accountId);
    if (known.has(id)) return;
    this.#insert[kind].run(accountId, id, now, now);
    if (this.#size >= MAX_REMEMBERED) this.forget();
    this.#knownOf(kind, accountId).add(id);
    this.#size += 1;
  }

  forget(): void {
    this.#known.clear();
    this.#size = 0;
  }

  #knownOf(kind: Kind, accountId: number): Set<number> {
    const key = `${kind}${accountId}`;
    const known = this.#known.get(key);
    if (known) return known;
    const made = new Set<number>();
    this.#known.set(key, made);
    return made;
  }
}
