import pg from 'pg';
import { clientConfig } from './connection.ts';
import { openSession, type Session } from './session.ts';

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/** A connection that has become deaf without having been closed is found out by asking. */
const PING_MS = 10_000;
const PING_LIMIT_MS = 5_000;
/** So often everything is looked at, whatever was heard; and so often while nothing can be heard. */
const LOOK_MS = 30_000;
const LOOK_WHILE_DEAF_MS = 5_000;

export interface ListeningEvents {
  heard(payload: string): void;
  /** Signals may have been lost. */
  missed(): void;
}

/** Hears signals on a connection of its own, and makes another when it breaks, until stopped. */
export class Listening {
  readonly #url: string;
  readonly #events: ListeningEvents;
  #session: Session | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lookTimer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #hears = false;
  #stopped = false;

  constructor(url: string, events: ListeningEvents) {
    this.#url = url;
    this.#events = events;
    this.#lookAfter(LOOK_WHILE_DEAF_MS);
    void this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#lookTimer);
    this.#session?.destroy(new Error('Listening has ended'));
  }

  async #connect(): Promise<void> {
    const client = new pg.Client(clientConfig(this.#url, 'listen'));
    client.on('notification', ({ payload }) => {
      if (!this.#stopped && payload !== undefined) this.#events.heard(payload);
    });
    let session: Session;
    try {
      session = await openSession(client, 'listen');
      this.#session = session;
      if (this.#stopped) return this.stop();
      await session.within(PING_LIMIT_MS, () => session.query({ text: 'LISTEN posthorn' }));
    } catch {
      this.#again();
      return;
    }
    client.once('end', () => this.#again());
    if (!session.alive) return this.#again();
    this.#retryMs = FIRST_RETRY_MS;
    this.#hears = true;
    // What was said before it listened again nobody repeats.
    this.#look(LOOK_MS);
    this.#ping(session);
  }

  #look(nextAfterMs: number): void {
    this.#events.missed();
    this.#lookAfter(nextAfterMs);
  }

  #lookAfter(ms: number): void {
    clearTimeout(this.#lookTimer);
    if (!this.#stopped) this.#lookTimer = setTimeout(() => this.#look(ms), ms);
  }

  #ping(session: Session): void {
    this.#later(PING_MS, async () => {
      try {
        await session.within(PING_LIMIT_MS, () => session.query({ text: 'SELECT 1' }));
      } catch {
        // Dead by now: its end makes the next one.
        return;
      }
      this.#ping(session);
    });
  }

  #again(): void {
    if (this.#hears) this.#lookAfter(LOOK_WHILE_DEAF_MS);
    this.#hears = false;
    this.#session?.destroy(new Error('Another one is made'));
    this.#later(this.#retryMs, () => this.#connect());
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
  }

  #later(ms: number, work: () => Promise<void>): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => void work(), ms);
  }
}
