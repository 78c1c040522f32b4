import { numberArray } from './arrays.ts';
import type { Session } from './session.ts';

/** Ids remembered as registered; beyond it the memory is emptied, which costs look-ups only. */
const MAX_REMEMBERED = 100_000;

const KINDS = ['campaign', 'client', 'category'] as const;
type Kind = (typeof KINDS)[number];

/** An id of the caller's own that something mentions. */
export interface Mention {
  readonly kind: Kind;
  readonly accountId: number;
  readonly id: number;
  readonly at: number;
}

/** In order of their keys, so that two nodes that register the same ids do not wait for each other. */
const REGISTER = {
  name: 'register',
  text: `WITH ${KINDS.map(
    (kind, i) => `${kind}_rows AS (
      INSERT INTO ${kind} (account_id, id, created_at, updated_at)
      SELECT account_id, id, at, at
      FROM unnest($${i * 3 + 1}::bigint[], $${i * 3 + 2}::bigint[], $${i * 3 + 3}::bigint[])
        AS given (account_id, id, at)
      ORDER BY account_id, id ON CONFLICT DO NOTHING)`,
  ).join(', ')} SELECT`,
};

/**
 * Registers ids of the caller's own at their first mention. Which ones are registered is remembered,
 * so that in the steady state it costs nothing.
 */
export class Registrar {
  readonly #known = new Map<string, Set<number>>();
  #size = 0;

  /** Those that are not known to be registered, each once. */
  unknown(mentions: Iterable<Mention>): Mention[] {
    const found = new Map<string, Mention>();
    for (const mention of mentions) {
      const { kind, accountId, id } = mention;
      if (this.#known.get(kind + accountId)?.has(id)) continue;
      const key = `${kind}${accountId} ${id}`;
      if (!found.has(key)) found.set(key, mention);
    }
    return [...found.values()];
  }

  async register(session: Session, mentions: readonly Mention[]): Promise<void> {
    if (mentions.length === 0) return;
    const values = KINDS.flatMap((kind) => {
      const ofKind = mentions.filter((mention) => mention.kind === kind);
      return [
        numberArray(ofKind.map(({ accountId }) => accountId)),
        numberArray(ofKind.map(({ id }) => id)),
        numberArray(ofKind.map(({ at }) => at)),
      ];
    });
    await session.query(REGISTER, values);
  }

  /** To be called when their transaction was committed. */
  remember(mentions: readonly Mention[]): void {
    if (this.#size + mentions.length > MAX_REMEMBERED) {
      this.#known.clear();
      this.#size = 0;
    }
    for (const { kind, accountId, id } of mentions) {
      const key = kind + accountId;
      const known = this.#known.get(key) ?? new Set();
      this.#known.set(key, known.add(id));
    }
    this.#size += mentions.length;
  }
}
