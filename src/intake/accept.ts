import type { PendingDelivery } from '../domain/delivery.ts';
import { PosthornError } from '../domain/errors.ts';
import type { NewEvent } from '../domain/event.ts';
import { acceptedAt, type EventId } from '../domain/ids.ts';
import type { Webhook } from '../domain/webhook.ts';
import type { AccountCache, CachedAccount } from '../catalog/account-cache.ts';
import type { AcceptEntry, AcceptResult } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Acceptance, Intake } from './intake.ts';

/** An account that changes faster than this many matchings of one event: give the caller a 503. */
const MAX_MATCHINGS = 20;

export interface AcceptParts {
  readonly accounts: AccountCache;
  readonly newEventId: () => EventId;
  /** Resolves when the entries are on disk. */
  commit(entries: readonly AcceptEntry[]): Promise<readonly AcceptResult[]>;
  /** Resolves when there is room for more: at once, unless this process is the bottleneck. */
  admit(): Promise<void> | undefined;
  /** Hands what was accepted to whoever sends it. */
  wake(deliveries: readonly { delivery: PendingDelivery; webhook: Webhook }[]): void;
  readonly log: Log;
}

interface Matched {
  readonly index: number;
  readonly entry: AcceptEntry;
  readonly webhooks: readonly Webhook[];
}

/**
 * The one door: matches events, has them and their deliveries stored in one commit, and then wakes
 * the dispatcher. Whatever its source, an event comes in here.
 */
export class Accept implements Intake {
  readonly #parts: AcceptParts;

  constructor(parts: AcceptParts) {
    this.#parts = parts;
  }

  async accept(events: readonly NewEvent[]): Promise<readonly Acceptance[]> {
    await this.#parts.admit();
    const acceptances: Acceptance[] = Array.from({ length: events.length });
    let remaining = events.map((event, index) => ({ event, index }));
    for (let matching = 0; remaining.length > 0; matching += 1) {
      if (matching === MAX_MATCHINGS) {
        throw new PosthornError('unavailable', 'The account changes too fast to match its events');
      }
      const accounts = await this.#accounts(remaining.map(({ event }) => event.accountId));
      const matched = remaining.map(({ event, index }) => this.#match(accounts, event, index));
      const results = await this.#parts.commit(matched.map(({ entry }) => entry));
      const stale = this.#settle(matched, results, acceptances);
      await Promise.all(stale.map(({ entry }) => this.#reload(entry)));
      remaining = stale.map(({ index, entry }) => ({ event: events[index] ?? entry.event, index }));
    }
    return acceptances;
  }

  async #accounts(ids: readonly number[]): Promise<ReadonlyMap<number, CachedAccount>> {
    const found = new Map<number, CachedAccount>();
    for (const id of new Set(ids)) {
      found.set(id, this.#parts.accounts.get(id) ?? (await this.#parts.accounts.load(id)));
    }
    return found;
  }

  #match(accounts: ReadonlyMap<number, CachedAccount>, given: NewEvent, index: number): Matched {
    const account = accounts.get(given.accountId);
    if (!account) throw new Error(`Account ${given.accountId} was not loaded`);
    const event = { ...given, id: this.#parts.newEventId(), clientId: account.clientOf(given) };
    const webhooks = account.webhooks.match(event);
    const deliveries = webhooks.map((webhook) => ({
      webhookId: webhook.id,
      webhookVersion: webhook.version,
    }));
    return { index, webhooks, entry: { event, accountVersion: account.version, deliveries } };
  }

  /** Notes what became of each; returns those that have to be matched again. */
  #settle(
    matched: readonly Matched[],
    results: readonly AcceptResult[],
    acceptances: Acceptance[],
  ): Matched[] {
    const stale: Matched[] = [];
    const fresh: { delivery: PendingDelivery; webhook: Webhook }[] = [];
    matched.forEach((item, i) => {
      const result = results[i];
      if (result === undefined || result.kind === 'stale') {
        stale.push(item);
        return;
      }
      const acceptance = acceptanceOf(item, result);
      acceptances[item.index] = acceptance;
      if (!acceptance.duplicate) fresh.push(...pendingDeliveries(item));
      this.#log(item, acceptance);
    });
    if (fresh.length > 0) this.#parts.wake(fresh);
    return stale;
  }

  async #reload(entry: AcceptEntry): Promise<void> {
    const { accountId } = entry.event;
    const cached = this.#parts.accounts.get(accountId);
    // Another event of the same call may have brought it up to date already.
    if (cached && cached.version > entry.accountVersion) return;
    await this.#parts.accounts.reload(accountId, entry.accountVersion + 1);
  }

  #log({ entry }: Matched, { id, deliveries, duplicate }: Acceptance): void {
    const { accountId, type, campaignId } = entry.event;
    this.#parts.log.eventAccepted({
      eventId: id,
      accountId,
      type,
      campaignId,
      deliveries,
      duplicate,
    });
  }
}

function acceptanceOf(
  { entry }: Matched,
  result: Exclude<AcceptResult, { kind: 'stale' }>,
): Acceptance {
  return result.kind === 'duplicate'
    ? { id: result.eventId, deliveries: result.deliveries, duplicate: true }
    : { id: entry.event.id, deliveries: entry.deliveries.length, duplicate: false };
}

function pendingDeliveries({
  entry,
  webhooks,
}: Matched): { delivery: PendingDelivery; webhook: Webhook }[] {
  const { accountId, id, type, body } = entry.event;
  const nextAttemptAt = acceptedAt(id);
  return webhooks.map((webhook) => ({
    webhook,
    delivery: {
      accountId,
      eventId: id,
      webhookId: webhook.id,
      webhookVersion: webhook.version,
      attemptCount: 0,
      nextAttemptAt,
      eventType: type,
      body,
    },
  }));
}
