import { setTimeout as sleep } from 'node:timers/promises';
import type { AccountCache, CachedAccount } from '../catalog/account-cache.ts';
import { operationalEvent } from '../dialect/operational-event.ts';
import type { Announcement } from '../domain/announcement.ts';
import type { EventId } from '../domain/ids.ts';
import type { Webhook } from '../domain/webhook.ts';
import type { Announced, HealthStore } from '../store/health-store.ts';
import type { WebhookName } from '../store/signal-store.ts';
import type { LookStore } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { matched } from './matched.ts';

/** In one transaction; between two full pages there is a pause, so that live events come between. */
const AT_A_TIME = 200;
const PAUSE_MS = 20;

/** What another node has left behind is found by looking. */
const LOOK_AGAIN_MS = 5_000;

/** An account that changes faster than this: its announcements wait for the next round. */
const MAX_MATCHINGS = 20;

export interface AnnouncerParts {
  readonly store: Pick<HealthStore, 'announcements' | 'announce'> & Pick<LookStore, 'webhook'>;
  readonly accounts: AccountCache;
  readonly newEventId: () => EventId;
  /** Called when deliveries of these webhooks have been stored. */
  stored(webhooks: readonly WebhookName[]): void;
  readonly log: Log;
}

/**
 * Makes operational events of what was announced in the store. Any node may do it for any other: each
 * announcement is struck out in the transaction that stores its event. One that nobody wants becomes no
 * event: a receiver that is gone can exhaust a million deliveries.
 */
export class Announcer {
  readonly #parts: AnnouncerParts;
  #timer: NodeJS.Timeout | undefined;
  #stopped = true;
  #round: Promise<void> | undefined;
  #again = false;

  constructor(parts: AnnouncerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#stopped = false;
    this.wake();
  }

  /** Something may have been announced. */
  wake(): void {
    if (this.#round) this.#again = true;
    else this.#sleep(PAUSE_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  #sleep(ms: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#again = false;
      this.#round = this.#goOn();
    }, ms);
  }

  async #goOn(): Promise<void> {
    await this.#work();
    this.#round = undefined;
    this.#sleep(this.#again ? PAUSE_MS : LOOK_AGAIN_MS);
  }

  async #work(): Promise<void> {
    const { store, log } = this.#parts;
    try {
      for (let after = 0; !this.#stopped;) {
        const page = await store.announcements(after, AT_A_TIME);
        for (const [accountId, announcements] of byAccount(page)) {
          await this.#tryToAnnounce(accountId, announcements);
        }
        const last = page.at(-1);
        if (!last || page.length < AT_A_TIME) break;
        after = last.id;
        await sleep(PAUSE_MS);
      }
    } catch (error) {
      log.taskFailed('read announcements', error);
    }
  }

  /** An account of which it fails holds up no other. */
  async #tryToAnnounce(accountId: number, announcements: readonly Announcement[]): Promise<void> {
    try {
      await this.#announce(accountId, announcements);
    } catch (error) {
      this.#parts.log.taskFailed('make operational events', error);
    }
  }

  async #announce(accountId: number, announcements: readonly Announcement[]): Promise<void> {
    const { accounts, store } = this.#parts;
    const about = await this.#webhooks(accountId, announcements);
    let account = await accounts.load(accountId);
    for (let matchings = 1; matchings <= MAX_MATCHINGS; matchings += 1) {
      const { version } = account;
      const announced = this.#matched(account, announcements, about);
      if (await store.announce(accountId, version, announced)) {
        const webhooks = announced.flatMap(({ accept }) => accept?.deliveries ?? []);
        if (webhooks.length > 0) {
          this.#parts.stored(webhooks.map(({ webhookId }) => ({ accountId, webhookId })));
        }
        return;
      }
      account = await accounts.reload(accountId, version + 1);
    }
  }

  #matched(
    account: CachedAccount,
    announcements: readonly Announcement[],
    about: ReadonlyMap<number, Webhook>,
  ): Announced[] {
    return announcements.map((announcement) => {
      const webhook = about.get(announcement.webhookId);
      const entry =
        webhook &&
        matched(account, operationalEvent(announcement, webhook), this.#parts.newEventId());
      const accept = entry && entry.deliveries.length > 0 ? entry : null;
      return { announcementId: announcement.id, accept };
    });
  }

  /** Deleted ones too: what has happened to them before is told still. */
  async #webhooks(
    accountId: number,
    announcements: readonly Announcement[],
  ): Promise<Map<number, Webhook>> {
    const found = new Map<number, Webhook>();
    for (const id of new Set(announcements.map(({ webhookId }) => webhookId))) {
      const shown = await this.#parts.store.webhook(accountId, id);
      if (shown) found.set(id, shown.webhook);
    }
    return found;
  }
}

function byAccount(page: readonly Announcement[]): Map<number, Announcement[]> {
  const accounts = new Map<number, Announcement[]>();
  for (const announcement of page) {
    const known = accounts.get(announcement.accountId);
    if (known) known.push(announcement);
    else accounts.set(announcement.accountId, [announcement]);
  }
  return accounts;
}
