import type { ApiKey } from '../store.ts';
import { textArray } from './arrays.ts';
import { inOrder, type Session } from './session.ts';
import type { SessionPool } from './session-pool.ts';

/** The categories of a new account; the names are the ones that the API's users know. */
const FIRST_CATEGORIES = [
  'Interested',
  'Not Interested',
  'Meeting Booked',
  'Information Request',
  'Out Of Office',
  'Do Not Contact',
  'Wrong Person',
];

const CREATE_ACCOUNT = {
  name: 'create_account',
  text: `WITH made AS (INSERT INTO account (name, created_at) VALUES ($1, $2) RETURNING id),
    named AS (
      INSERT INTO category (account_id, id, name, created_at, updated_at)
      SELECT made.id, c.id, c.name, $2, $2
      FROM made, unnest($3::text[]) WITH ORDINALITY AS c (name, id)
    )
    SELECT id FROM made`,
};

const LOCK_ACCOUNT_TABLE = { text: 'LOCK TABLE account IN SHARE ROW EXCLUSIVE MODE' };
const ANY_ACCOUNT = { text: 'SELECT 1 FROM account LIMIT 1' };

const ADD_API_KEY = {
  name: 'add_api_key',
  text: `INSERT INTO api_key (hash, account_id, client_id, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING`,
};

/** Accounts and their keys. */
export class AccountWrites {
  readonly #pool: SessionPool;

  constructor(pool: SessionPool) {
    this.#pool = pool;
  }

  createAccount(name: string): Promise<number> {
    return this.#pool.transaction((session) => insertAccount(session, name));
  }

  async createFirstAccount(name: string, keyHash: string): Promise<boolean> {
    const found = await this.#pool.run((session) => session.query(ANY_ACCOUNT));
    if (found.length > 0) return false;
    return this.#pool.transaction(async (session) => {
      // Nodes that start at once take turns.
      const locked = session.query(LOCK_ACCOUNT_TABLE);
      const [, accounts] = await inOrder([locked, session.query(ANY_ACCOUNT)]);
      if (accounts.length > 0) return false;
      const accountId = await insertAccount(session, name);
      await session.query(ADD_API_KEY, [keyHash, accountId, null, Date.now()]);
      return true;
    });
  }

  async addApiKey(hash: string, { accountId, clientId }: ApiKey): Promise<void> {
    await this.#pool.transaction((session) =>
      session.query(ADD_API_KEY, [hash, accountId, clientId, Date.now()]),
    );
  }
}

async function insertAccount(session: Session, name: string): Promise<number> {
  const values = [name, Date.now(), textArray(FIRST_CATEGORIES)];
  const [row] = await session.query<{ id: number }>(CREATE_ACCOUNT, values);
  if (!row) throw new Error('An account was made without an id');
  return row.id;
}
