import type { AccountCache } from '../catalog/account-cache.ts';
import { PosthornError } from '../domain/errors.ts';
import type { NewEvent } from '../domain/event.ts';
import type { EventId } from '../domain/ids.ts';
import type { AcceptEnding } from '../store/commit-queue.ts';
import { StoreUnavailable, type AcceptEntry, type AcceptResult } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Acceptance, Accepted, Intake } from './intake.ts';

/** An account that changes faster than this many matchings of one event: give the caller a 503. */
const MAX_MATCHINGS = 20;

/** So many rows of one call go into the commit loop at once: other callers come between. */
const ROWS_AT_A_TIME = 1_000;

export interface AcceptParts {
  readonly accounts: AccountCache;
  readonly newEventId: () => EventId;
  /** Resolves when the entries are on disk, or will not be. */
  commit(entries: readonly AcceptEntry[]): Promise<readonly AcceptEnding[]>;
  /** Resolves when there is room for more: at once, unless this process is the bottleneck. */
  admit(): Promise<void> | undefined;
  readonly log: Log;
}

/** An event on its way through the door. */
interface Given {
  readonly event: NewEvent;
  readonly index: number;
  readonly matchings: number;
  /** The version of its account that it has to be matched at, or a later one. */
  readonly atLeast: number;
}

interface Matched {
  readonly given: Given;
  readonly entry: AcceptEntry;
}

/**
 * The one door: matches events, and has them and their deliveries stored in one commit. Whatever its
 * source, an event comes in here. Who sends the deliveries hears of them from the commit.
 */
export class Accept implements Intake {
  readonly #parts: AcceptParts;

  constructor(parts: AcceptParts) {
    this.#parts = parts;
  }

  async accept(events: readonly NewEvent[]): Promise<readonly Acceptance[]> {
    const admitted = this.#parts.admit();
    if (admitted) await admitted;
    const acceptances: Acceptance[] = Array.from({ length: events.length });
    let remaining: Given[] = events.map((event, index) => ({
      event,
      index,
      matchings: 0,
      atLeast: 0,
    }));
    while (remaining.length > 0) {
      const reading = this.#readAccounts(remaining);
      const failure = reading && (await reading);
      if (failure) {
        // What was accepted before stays accepted, and its caller is told so.
        for (const { index } of remaining) acceptances[index] = { refusal: failure };
        return acceptances;
      }
      const matched = this.#matchSome(remaining);
      const endings = await this.#parts.commit(matched.map(({ entry }) => entry));
      const stale = this.#settle(matched, endings, acceptances);
      remaining = [...stale, ...remaining.slice(matched.length)];
    }
    return acceptances;
  }

  /** Undefined where all are in memory and new enough, which costs no turn; else why it failed. */
  #readAccounts(given: readonly Given[]): Promise<PosthornError | undefined> | undefined {
    const { accounts } = this.#parts;
    const wanted = new Map<number, number>();
    for (const { event, atLeast } of given) {
      const known = accounts.get(event.accountId);
      if (known && known.version >= atLeast) continue;
      wanted.set(event.accountId, Math.max(atLeast, wanted.get(event.accountId) ?? 0));
    }
    if (wanted.size === 0) return undefined;
    return Promise.all([...wanted].map(([id, atLeast]) => accounts.reload(id, atLeast))).then(
      () => undefined,
      (error: unknown) => this.#unreadable(error),
    );
  }

  #unreadable(error: unknown): PosthornError {
    if (error instanceof StoreUnavailable) {
      return new PosthornError('unavailable', 'The store is unavailable; try again');
    }
    this.#parts.log.taskFailed('read an account', error);
    return new PosthornError('internal_error', 'Something went wrong here; try again');
  }

  /** As many as make a good part of a commit; one in any case. */
  #matchSome(given: readonly Given[]): Matched[] {
    const matched: Matched[] = [];
    let rows = 0;
    for (const each of given) {
      const found = this.#match(each);
      matched.push(found);
      rows += 1 + found.entry.deliveries.length;
      if (rows >= ROWS_AT_A_TIME) break;
    }
    return matched;
  }

  #match(given: Given): Matched {
    const { accountId } = given.event;
    const account = this.#parts.accounts.get(accountId);
    if (!account) throw new Error(`Account ${accountId} was not loaded`);
    const clientId = account.clientOf(given.event);
    const event = { ...given.event, id: this.#parts.newEventId(), clientId };
    const deliveries = account.webhooks
      .match(event)
      .map(({ id, version }) => ({ webhookId: id, webhookVersion: version }));
    return { given, entry: { event, accountVersion: account.version, deliveries } };
  }

  /** Notes what became of each; returns those that have to be matched again. */
  #settle(
    matched: readonly Matched[],
    endings: readonly AcceptEnding[],
    acceptances: Acceptance[],
  ): Given[] {
    const stale: Given[] = [];
    matched.forEach(({ entry, given }, i) => {
      const ending = endings[i] ?? { kind: 'stale' };
      if (ending.kind === 'stale' && given.matchings < MAX_MATCHINGS) {
        const { matchings } = given;
        stale.push({ ...given, matchings: matchings + 1, atLeast: entry.accountVersion + 1 });
      } else {
        acceptances[given.index] = this.#acceptance(entry, ending);
      }
    });
    return stale;
  }

  #acceptance(entry: AcceptEntry, ending: AcceptEnding): Acceptance {
    if (ending.kind === 'not_stored') return { refusal: ending.error };
    if (ending.kind === 'stale') return { refusal: changesTooFast() };
    const acceptance = acceptanceOf(entry, ending);
    const { accountId, type, campaignId } = entry.event;
    const { id, deliveries, duplicate } = acceptance;
    this.#parts.log.eventAccepted({
      eventId: id,
      accountId,
      type,
      campaignId,
      deliveries,
      duplicate,
    });
    return acceptance;
  }
}

function changesTooFast(): PosthornError {
  return new PosthornError('unavailable', 'The account changes too fast to match its events');
}

function acceptanceOf(
  entry: AcceptEntry,
  result: Exclude<AcceptResult, { kind: 'stale' }>,
): Accepted {
  return result.kind === 'duplicate'
    ? { id: result.eventId, deliveries: result.deliveries, duplicate: true }
    : { id: entry.event.id, deliveries: entry.deliveries.length, duplicate: false };
}
