import type { Failing, OpenBreaker } from '../domain/breaker.ts';
import type { Announcement } from '../domain/announcement.ts';
import type { AcceptEntry } from './store.ts';

/**
 * What a record says of its webhook's health beyond success or failure; none on the healthy path. It
 * is the owner's to know: nobody else sends to the webhook.
 */
export interface HealthMark {
  /** A failure that has opened the breaker, or kept it open. A success closes it without being told. */
  readonly open?: OpenBreaker;
  /** What has become of the breaker is an operational event. */
  readonly announce?: 'WEBHOOK_FAILING' | 'WEBHOOK_RECOVERED';
  /**
   * Disables the webhook, if failures have gone on for long enough by what is stored: that begins anew
   * with another URL.
   */
  readonly disableReason?: string;
}

/** A webhook whose last attempt failed. */
export interface FailingWebhook extends Failing {
  readonly webhookId: number;
  /** The URL that it has now. */
  readonly url: string;
}

/** What became of an announcement: the event that is to be stored, or null where nobody wants it. */
export interface Announced {
  readonly announcementId: number;
  readonly accept: Omit<AcceptEntry, 'accountVersion'> | null;
}

/** How webhooks are, and what is to be told of it. */
export interface HealthStore {
  /** Webhooks of these shards that are active or paused and whose last attempt failed. */
  failing(shards: readonly number[]): Promise<readonly FailingWebhook[]>;
  /** Operational events that are not stored yet, the oldest first: those after this id. */
  announcements(after: number, limit: number): Promise<readonly Announcement[]>;
  /**
   * Stores operational events of one account with their deliveries, and strikes out what they were
   * made from, in one transaction; what is struck out already stays as it is. So each comes to be
   * once, whoever tries it and how often. False where the account has another version by now: nothing
   * is changed then.
   */
  announce(
    accountId: number,
    accountVersion: number,
    announced: readonly Announced[],
  ): Promise<boolean>;
}
