/**
 * The port between Posthorn and a database: verbs of the domain, each with its guarantee.
 * One suite (test/contract) holds every adapter to it. Every method may reject with
 * `StoreUnavailable` (try again later) and does so only where nothing was changed.
 */
import type { Attempt, NextStep } from '../domain/attempt.ts';
import type { DeliveryStatus, PendingDelivery } from '../domain/delivery.ts';
import type { AcceptedEvent, EventType } from '../domain/event.ts';
import type { DeliveryKey, EventId } from '../domain/ids.ts';
import type { ShardLease } from '../domain/shard.ts';
import type {
  AssociationType,
  NewWebhook,
  Webhook,
  WebhookDefinition,
  WebhookHealth,
  WebhookStatus,
} from '../domain/webhook.ts';
import type { WebhookTransition } from '../domain/webhook-status.ts';
import type { ExplainStore } from './explain-store.ts';
import type { RedoStore } from './redo-store.ts';
import type { HealthMark, HealthStore } from './health-store.ts';
import type { SealingStore } from './sealing-store.ts';
import type { ShardStore } from './shard-store.ts';
import type { SignalStore } from './signal-store.ts';

/** The store is away, locked or full: nothing was written, and it may work again by itself. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/** The store is there but will not take this: one entry of a batch is at fault, nothing was written. */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused';
}

/** Nothing may be promised on this store any more (a sync failed): the process has to end. */
export class StoreBroken extends Error {
  override readonly name = 'StoreBroken';
}

/**
 * The connection broke while a commit was on its way: whether it took effect is not known yet.
 * Nobody may be answered, and nothing of it be tried again, before `outcome` has told.
 */
export class CommitInDoubt extends Error {
  override readonly name = 'CommitInDoubt';
  /**
   * Asks the store what became of it: the result, or null where nothing was written.
   * Rejects with `StoreUnavailable` while the store cannot say; to be called again then.
   */
  readonly outcome: () => Promise<CommitResult | null>;

  constructor(message: string, outcome: () => Promise<CommitResult | null>) {
    super(message);
    this.outcome = outcome;
  }
}

/** A file or database that cannot be opened as it is: damaged, newer, or in use. Left untouched. */
export class StoreNotUsable extends Error {
  override readonly name = 'StoreNotUsable';
}

export interface AcceptEntry {
  readonly event: AcceptedEvent;
  /** The account's version at which the event was matched. */
  readonly accountVersion: number;
  readonly deliveries: readonly NewDelivery[];
}

export interface NewDelivery {
  readonly webhookId: number;
  readonly webhookVersion: number;
  /** Whether its webhook takes each lead's events one after another. */
  readonly inOrder?: boolean;
}

export type AcceptResult =
  | { readonly kind: 'accepted' }
  /** The caller's event id was there before: that event stands. */
  | { readonly kind: 'duplicate'; readonly eventId: EventId; readonly deliveries: number }
  /** The account has changed since the event was matched: nothing stored, match again. */
  | { readonly kind: 'stale' };

export interface RecordEntry extends DeliveryKey {
  readonly accountId: number;
  /** As the delivery has had them since it was made, so that a store need not look before it ends it. */
  readonly webhookVersion: number;
  readonly createdAt: number;
  readonly lease: ShardLease;
  readonly attempt: Attempt;
  readonly next: NextStep;
  readonly mark?: HealthMark | undefined;
}

export type RecordResult =
  | 'recorded'
  /**
   * Recorded; but the webhook has another URL by now, so a 410 of the old one says nothing of it: the
   * webhook stays as it is, and the delivery is due `MOVED_WAIT_MS` later.
   */
  | 'postponed'
  /** The lease no longer holds: nothing of this entry was stored. */
  | 'not_owner'
  /** The delivery is gone (retention): nothing of this entry was stored. */
  | 'gone';

export interface CommitBatch {
  readonly records: readonly RecordEntry[];
  readonly accepts: readonly AcceptEntry[];
}

export interface CommitResult {
  /** In the order of the batch. */
  readonly records: readonly RecordResult[];
  readonly accepts: readonly AcceptResult[];
  /** Webhooks that a record of this batch disabled. */
  readonly disabled: readonly Webhook[];
}

/** What became of a change that a webhook's state may not allow. */
export interface WebhookChange {
  readonly outcome: 'changed' | 'unchanged' | 'refused';
  /** As it is now. */
  readonly webhook: Webhook;
}

/** All that matching needs of an account, as of one version. */
export interface AccountSnapshot {
  readonly accountId: number;
  readonly version: number;
  /** Without deleted ones. */
  readonly webhooks: readonly Webhook[];
  /** Campaigns that have a declared client: campaign id -> client id. */
  readonly campaignClients: ReadonlyMap<number, number>;
}

export type CreateWebhookResult =
  | {
      readonly kind: 'created';
      readonly webhook: Webhook;
      /** Whether the webhook's campaign or client has had an event so far; true at user level. */
      readonly targetHasEvents: boolean;
    }
  | { readonly kind: 'existing'; readonly webhook: Webhook; readonly targetHasEvents: boolean }
  | { readonly kind: 'similar'; readonly webhook: Webhook };

export interface Campaign {
  readonly id: number;
  readonly name: string | null;
  readonly clientId: number | null;
  readonly status: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Hands the next page to the same call; null at the end. Opaque, made and read by the adapter. */
  readonly nextCursor: string | null;
}

export interface PageRequest {
  /** 1 to 100. */
  readonly limit: number;
  /** A cursor that is none of the adapter's own: the call rejects with `InvalidCursor`. */
  readonly cursor: string | null;
}

export class InvalidCursor extends Error {
  override readonly name = 'InvalidCursor';
}

/** Times of acceptance in milliseconds, from inclusive, to exclusive. */
export interface TimeRange {
  readonly from?: number;
  readonly to?: number;
}

export interface EventFilter extends TimeRange {
  readonly type?: EventType;
  readonly campaignId?: number;
  readonly clientId?: number;
  /** Compared without regard to case. */
  readonly leadEmail?: string;
}

export interface DeliveryFilter extends TimeRange {
  readonly eventId?: EventId;
  readonly webhookId?: number;
  readonly status?: DeliveryStatus;
}

export interface WebhookFilter {
  readonly association?: AssociationType;
  readonly targetId?: number;
  readonly status?: WebhookStatus;
}

export interface DeliverySummary extends DeliveryKey {
  readonly status: DeliveryStatus;
  readonly attemptCount: number;
  /** Null once it has ended. */
  readonly nextAttemptAt: number | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
}

export interface DeliveryDetail extends DeliverySummary {
  readonly event: AcceptedEvent;
  readonly webhookVersion: number;
  /** In order of their numbers. */
  readonly attempts: readonly Attempt[];
}

export interface DuePage {
  /** In order of due time, then of acceptance. */
  readonly deliveries: readonly PendingDelivery[];
  /** When the earliest pending delivery of the webhook beyond this page is due; null: there is none. */
  readonly nextDueAt: number | null;
}

export interface ApiKey {
  readonly accountId: number;
  /** A client's key sees that client only; null: the whole account. */
  readonly clientId: number | null;
}

export interface RetentionStep {
  readonly events: number;
  /** Pending deliveries that outlived the retention time and are exhausted now. */
  readonly exhausted: number;
  /** Whether there may be more to do. */
  readonly more: boolean;
}

/** What the commit loop needs. */
export interface CommitStore {
  /**
   * So many commits may be under way, where it gains by more than one: they are made in order, and may
   * share a transaction, but none of them fails by what another one holds. One where commits may be in
   * doubt: only one of those is kept.
   */
  readonly commitsAtOnce: number;
  /**
   * Stores attempts with what comes next, then events with their deliveries: one transaction,
   * synced to the disk before the promise resolves. Rejects with `StoreRefused` where an entry
   * is at fault, `StoreUnavailable` where nothing was written, `StoreBroken` where a sync failed,
   * `CommitInDoubt` where it has to be asked again what became of it.
   */
  commit(batch: CommitBatch): Promise<CommitResult>;
  /** Resolves once the store can write again. Rejects with `StoreUnavailable` while it cannot. */
  probe(): Promise<void>;
}

/** What dispatching reads. */
export interface DispatchStore {
  /** Webhooks of these shards that have pending deliveries, and when the earliest is due. */
  pendingWebhooks(
    shards: readonly number[],
  ): Promise<readonly { accountId: number; webhookId: number; nextAttemptAt: number }[]>;
  /** An active webhook's pending deliveries that are due at `now`, but those of `except`. */
  due(webhookId: number, now: number, limit: number, except?: readonly EventId[]): Promise<DuePage>;
  /**
   * The same for a webhook that takes each lead's events one after another: of each ordering key the
   * first one in order of acceptance alone, if it is due. What was accepted before the webhook was set
   * so has no key, and takes part as if it were alone. `nextDueAt` is about those that are not due.
   */
  dueInOrder(
    webhookId: number,
    now: number,
    limit: number,
    options: {
      readonly exceptKeys: readonly string[];
      /** Begins after this key, and goes round. */
      readonly after: string | null;
    },
  ): Promise<DuePage>;
  /** Of these events an active webhook's deliveries that were put back for one attempt more. */
  retried(webhookId: number, eventIds: readonly EventId[]): Promise<readonly PendingDelivery[]>;
}

/** Registered things: each change is one transaction and raises the account's version by one. */
export interface CatalogStore {
  /** Rejects where there is no such account. */
  account(accountId: number): Promise<AccountSnapshot>;
  /** The present versions of these accounts. */
  accountVersions(accountIds: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /** Registers the ids it names. Compares with similar webhooks unless `force`. */
  createWebhook(webhook: NewWebhook, force: boolean): Promise<CreateWebhookResult>;
  /** Undefined where the account has no such webhook or it is deleted. */
  updateWebhook(
    accountId: number,
    id: number,
    changes: Partial<WebhookDefinition>,
  ): Promise<Webhook | undefined>;
  /**
   * Marks a webhook deleted: it matches nothing from then on. Its pending deliveries are canceled
   * by `cancelPending`, which the caller repeats; they are never sent again, even if it does not.
   */
  deleteWebhook(accountId: number, id: number): Promise<Webhook | undefined>;
  /** Pauses or resumes, where the webhook's status allows it. Undefined as with `updateWebhook`. */
  moveWebhook(
    accountId: number,
    id: number,
    by: Extract<WebhookTransition, 'pause' | 'resume'>,
  ): Promise<WebhookChange | undefined>;
  /**
   * Makes `secret` the one that signs; the present one goes on signing for so long beside it. Refused
   * while one before it still does.
   */
  rotateSecret(
    accountId: number,
    id: number,
    secret: string,
    overlapMs: number,
  ): Promise<WebhookChange | undefined>;
  /** Cancels up to `limit` pending deliveries of a deleted or disabled webhook; the number canceled. */
  cancelPending(webhookId: number, limit: number): Promise<number>;
  /** Deleted or disabled webhooks that still have pending rows (a crash in between). */
  webhooksToCancel(): Promise<readonly number[]>;
  /** Declares a campaign; null leaves a field as it is. The new state, and the account's version. */
  declareCampaign(
    accountId: number,
    id: number,
    fields: { name: string | null; clientId: number | null; status: string | null },
  ): Promise<{ campaign: Campaign; version: number }>;
}

/** What the API shows. Reads see every commit that was answered before they began. */
export interface LookStore {
  webhook(
    accountId: number,
    id: number,
  ): Promise<{ webhook: Webhook; health: WebhookHealth } | undefined>;
  webhooks(
    accountId: number,
    filter: WebhookFilter,
    page: PageRequest,
  ): Promise<Page<{ webhook: Webhook; health: WebhookHealth }>>;
  campaign(accountId: number, id: number): Promise<Campaign | undefined>;
  event(accountId: number, id: EventId): Promise<AcceptedEvent | undefined>;
  events(accountId: number, filter: EventFilter, page: PageRequest): Promise<Page<AcceptedEvent>>;
  delivery(accountId: number, key: DeliveryKey): Promise<DeliveryDetail | undefined>;
  deliveries(
    accountId: number,
    filter: DeliveryFilter,
    page: PageRequest,
  ): Promise<Page<DeliverySummary>>;
}

/** Accounts and their keys. Keys are known to the store by their SHA-256 only. */
export interface AccountStore {
  /** Accounts that there are, by id; empty on a new store. */
  accounts(): Promise<readonly { id: number; name: string }[]>;
  createAccount(name: string): Promise<number>;
  /** Creates an account and its key, both or none, unless there is an account. Whether it did. */
  createFirstAccount(name: string, keyHash: string): Promise<boolean>;
  /** Adds a key; one that is known already stays as it is. */
  addApiKey(keyHash: string, key: ApiKey): Promise<void>;
  apiKey(keyHash: string): Promise<ApiKey | undefined>;
}

export interface Store
  extends
    CommitStore,
    DispatchStore,
    CatalogStore,
    LookStore,
    ExplainStore,
    HealthStore,
    AccountStore,
    ShardStore,
    SignalStore,
    SealingStore,
    RedoStore,
    AsyncDisposable {
  /**
   * Deletes events accepted before a time, with all that hangs on them: about `limit` at a time, or
   * all that lie together where that costs no more. They may stay up to a day longer. And redos that
   * ended before that time.
   */
  expire(before: number, limit: number): Promise<RetentionStep>;
  /** Rejects (never resolves) when the store can no longer work at all. */
  readonly broken: Promise<never>;
}
