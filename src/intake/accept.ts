import type { AccountCache } from '../catalog/account-cache.ts';
import { PosthornError } from '../domain/errors.ts';
import type { NewEvent } from '../domain/event.ts';
import type { EventId } from '../domain/ids.ts';
import type { AcceptEnding, Settle } from '../store/commit-queue.ts';
import { StoreUnavailable, type AcceptEntry, type AcceptResult } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Acceptance, Accepted, Intake } from './intake.ts';
import { matched } from './matched.ts';

/** An account that changes faster than this many matchings of one event: give the caller a 503. */
const MAX_MATCHINGS = 20;

/** So many rows of one call go into the commit loop at once: other callers come between. */
const ROWS_AT_A_TIME = 1_000;

export interface AcceptParts {
  readonly accounts: AccountCache;
  readonly newEventId: () => EventId;
  /** Calls back when the entry is on disk, or will not be: perhaps before it returns. */
  commit(entry: AcceptEntry, settle: Settle<AcceptEnding>): void;
  /** Resolves when there is room for more: at once, unless this process is the bottleneck. */
  admit(events: number): Promise<void> | undefined;
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

/** What one caller has brought, and how far it is. */
interface Call {
  /** Those that have to be matched, in the order given. */
  remaining: Given[];
  /** Those in the commit loop. */
  underWay: number;
  /** Those of them that have to be matched again. */
  stale: Given[];
  readonly acceptances: Acceptance[];
  readonly answer: (acceptances: readonly Acceptance[]) => void;
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

  accept(events: readonly NewEvent[]): Promise<readonly Acceptance[]> {
    return new Promise((answer) => {
      const remaining = events.map((event, index) => ({ event, index, matchings: 0, atLeast: 0 }));
      const call: Call = { remaining, underWay: 0, stale: [], acceptances: [], answer };
      const admitted = this.#parts.admit(events.length);
      if (admitted) void admitted.then(() => this.#goOn(call));
      else this.#goOn(call);
    });
  }

  /** Has the next part of a call matched and stored; answers the call when nothing of it is left. */
  #goOn(call: Call): void {
    if (call.remaining.length === 0) {
      call.answer(call.acceptances);
      return;
    }
    const reading = this.#readAccounts(call.remaining);
    if (!reading) {
      this.#commitSome(call);
      return;
    }
    void reading.then((failure) => this.#haveRead(call, failure));
  }

  #haveRead(call: Call, failure: PosthornError | undefined): void {
    if (failure) refuseRemaining(call, failure);
    this.#goOn(call);
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
  #commitSome(call: Call): void {
    const entries: AcceptEntry[] = [];
    const taken: Given[] = [];
    let rows = 0;
    for (const given of call.remaining) {
      const entry = this.#match(given);
      entries.push(entry);
      taken.push(given);
      rows += 1 + entry.deliveries.length;
      if (rows >= ROWS_AT_A_TIME) break;
    }
    call.remaining = call.remaining.slice(taken.length);
    call.underWay = taken.length;
    taken.forEach((given, i) => {
      const entry = entries[i];
      if (entry) this.#parts.commit(entry, (ending) => this.#settle(call, given, entry, ending));
    });
  }

  #match({ event: given }: Given): AcceptEntry {
    const account = this.#parts.accounts.get(given.accountId);
    if (!account) throw new Error(`Account ${given.accountId} was not loaded`);
    return matched(account, given, this.#parts.newEventId());
  }

  /** Notes what became of an event, or that it has to be matched again. */
  #settle(call: Call, given: Given, entry: AcceptEntry, ending: AcceptEnding): void {
    if (ending.kind === 'stale' && given.matchings < MAX_MATCHINGS) {
      const { event, index, matchings } = given;
      const atLeast = entry.accountVersion + 1;
      call.stale.push({ event, index, matchings: matchings + 1, atLeast });
    } else {
      call.acceptances[given.index] = this.#acceptance(entry, ending);
    }
    call.underWay -= 1;
    if (call.underWay > 0) return;
    if (call.stale.length > 0) {
      // Before the rest: what was given first has the smaller id.
      call.remaining = [...call.stale, ...call.remaining];
      call.stale = [];
    }
    this.#goOn(call);
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

/** What was accepted before stays accepted, and its caller is told so. */
function refuseRemaining(call: Call, refusal: PosthornError): void {
  for (const { index } of call.remaining) call.acceptances[index] = { refusal };
  call.remaining = [];
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
