import { acceptedAt, eventIdMaker, type EventId } from '../src/domain/ids.ts';
import { SHARD_COUNT, shardOf, type ShardLease } from '../src/domain/shard.ts';
import { newSecret, signatureHeader } from '../src/domain/signature.ts';
import { USER_LEVEL, type Webhook } from '../src/domain/webhook.ts';
import type { AcceptEntry, CommitBatch, CommitResult, RecordEntry } from '../src/store/store.ts';
import { bodyTemplate } from './event-body.ts';
import type { Committing } from './in-process-store.ts';
import { NO_POLICY } from '../src/domain/webhook-policy.ts';

const CAMPAIGN_ID = 1_000;

/** Makes commits as a busy server does: each accepts new events and records those of the last one. */
export class BatchMaker {
  readonly #webhook: Webhook;
  readonly #lease: ShardLease;
  readonly #newEventId = eventIdMaker();
  readonly #body = bodyTemplate(CAMPAIGN_ID).bytes.toString();
  readonly #signature: string;
  #last: EventId[] = [];

  private constructor(webhook: Webhook, lease: ShardLease) {
    this.#webhook = webhook;
    this.#lease = lease;
    this.#signature = signatureHeader([webhook.secret], 'evt', 0, this.#body);
  }

  /** Prepares a store that is new: an account, a webhook, the right to send. */
  static async on(store: Committing): Promise<BatchMaker> {
    const made = await store.createWebhook(
      {
        accountId: await store.createAccount('bench'),
        association: USER_LEVEL,
        targetId: null,
        name: null,
        url: 'http://127.0.0.1:8000/',
        eventTypeMap: null,
        categoryIdMap: null,
        webhookType: null,
        ...NO_POLICY,
        secret: newSecret(),
      },
      true,
    );
    const leases = await store.claimShards([...Array(SHARD_COUNT).keys()]);
    const lease = leases.find(({ shard }) => shard === shardOf(made.webhook.id));
    if (!lease) throw new Error('The store gave no lease for the webhook');
    return new BatchMaker(made.webhook, lease);
  }

  next(size: number): CommitBatch {
    const records = this.#last.map((id) => this.#record(id));
    this.#last = Array.from({ length: size }, () => this.#newEventId());
    return { records, accepts: this.#last.map((id) => this.#accept(id)) };
  }

  /** A commit that stored less than it was given is no measurement. */
  check({ records, accepts }: CommitResult): void {
    const recorded = records.every((result) => result === 'recorded');
    const accepted = accepts.every(({ kind }) => kind === 'accepted');
    if (!recorded || !accepted) throw new Error('A commit did not store all of its batch');
  }

  #accept(id: EventId): AcceptEntry {
    const { id: webhookId, version, accountId } = this.#webhook;
    return {
      event: {
        id,
        accountId,
        callerEventId: null,
        type: 'REPLIED',
        campaignId: CAMPAIGN_ID,
        clientId: null,
        leadEmail: 'john@example.com',
        categoryId: 5,
        body: this.#body,
      },
      accountVersion: version,
      deliveries: [{ webhookId, webhookVersion: version }],
    };
  }

  #record(eventId: EventId): RecordEntry {
    const { id: webhookId, version: webhookVersion, accountId, url } = this.#webhook;
    return {
      accountId,
      eventId,
      webhookId,
      webhookVersion,
      createdAt: acceptedAt(eventId),
      lease: this.#lease,
      attempt: {
        number: 1,
        startedAt: acceptedAt(eventId),
        durationMs: 1,
        outcome: 'delivered',
        url,
        signature: this.#signature,
        userAgent: 'Posthorn/bench',
        response: { status: 200, headers: { 'content-length': '0' }, body: '' },
        error: null,
      },
      next: { status: 'succeeded' },
    };
  }
}
