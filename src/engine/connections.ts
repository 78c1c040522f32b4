import type { GuardedConnector } from './connector.ts';
import { AfterPoll } from './wire/after-poll.ts';
import { Connection, type Carried, type WebhookConnections } from './wire/connection.ts';
import { targetOf } from './wire/request-bytes.ts';

const IDLE_MS = 4_000;
/** In all: thousands of webhooks that get one request each must not use up the process's sockets. */
const MAX_IDLE = 1_000;
/** A receiver's own `Keep-Alive: timeout=` ends so much earlier for us: its close is on the way. */
const KEEP_ALIVE_MARGIN_MS = 1_000;

/**
 * Connections by webhook, not by origin: a hanging path must not hold up a healthy one, and all customers
 * of a no-code tool share one origin. Nobody waits here for a free connection: the caller bounds how many
 * requests are under way.
 */
export class Connections {
  readonly #connect: GuardedConnector;
  readonly #byWebhook = new Map<number, WebhookConnections>();
  readonly #sweeper: NodeJS.Timeout;
  readonly #afterPoll = new AfterPoll();
  readonly #idleMs: number;
  #idle = 0;
  #closed = false;

  constructor(connect: GuardedConnector, idleMs = IDLE_MS) {
    this.#connect = connect;
    this.#idleMs = idleMs;
    this.#sweeper = setInterval(() => this.#sweep(), idleMs / 4).unref();
  }

  /** How many webhooks have connections. */
  get size(): number {
    return this.#byWebhook.size;
  }

  /**
   * Sends one request to that URL, in a while; answers with its connection, which wants to be released or
   * discarded when the request has ended. Throws where the URL cannot be sent to.
   */
  carry(webhookId: number, url: string, lines: string, body: string, carried: Carried): Connection {
    const known = this.#byWebhook.get(webhookId);
    const owner = known?.url === url ? known : this.#target(webhookId, url, known);
    const kept = this.#takeFree(owner);
    const connection = kept ?? new Connection(owner, this.#dropIdle);
    owner.busy += 1;
    connection.carry(carried, owner.target.start + lines, body);
    if (kept) this.#afterPoll.add(kept);
    else connection.connect(this.#connect);
    return connection;
  }

  /** Its request has ended with a whole answer: it may carry the next one, if the answer allows it. */
  release(connection: Connection, now: number): void {
    const { owner } = connection;
    const keepMs = Math.min(this.#idleMs, connection.keepableMs - KEEP_ALIVE_MARGIN_MS);
    if (keepMs <= 0 || owner.dropped || this.#idle >= MAX_IDLE) return this.discard(connection);
    owner.busy -= 1;
    this.#idle += 1;
    connection.usableUntil = now + keepMs;
    connection.rest();
    owner.free.push(connection);
  }

  /** Its request has not ended, or not as HTTP wants it: nothing more may go over it. */
  discard(connection: Connection): void {
    connection.owner.busy -= 1;
    connection.destroy();
  }

  /** Idle ones go now, busy ones when their request ends. */
  forget(webhookId: number): void {
    const owner = this.#byWebhook.get(webhookId);
    if (owner === undefined) return;
    this.#byWebhook.delete(webhookId);
    this.#drop(owner);
  }

  /** Idle ones go; a request that is still under way, or starts later, takes its connection with it. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    const closed: Promise<void>[] = [];
    for (const owner of this.#byWebhook.values()) {
      for (const connection of owner.free) {
        closed.push(new Promise((resolve) => connection.destroy(resolve)));
      }
      this.#drop(owner);
    }
    this.#byWebhook.clear();
    await Promise.all(closed);
  }

  #target(
    webhookId: number,
    url: string,
    known: WebhookConnections | undefined,
  ): WebhookConnections {
    const target = targetOf(url);
    if (known?.target.origin === target.origin) return Object.assign(known, { url, target });
    this.forget(webhookId);
    const dropped = this.#closed;
    const owner = { url, target, free: [], busy: 0, dropped };
    if (!dropped) this.#byWebhook.set(webhookId, owner);
    return owner;
  }

  /** The clock counts too: a loop that was held up has not swept. */
  #takeFree(owner: WebhookConnections): Connection | undefined {
    if (owner.free.length === 0) return undefined;
    const now = performance.now();
    for (let kept = owner.free.pop(); kept; kept = owner.free.pop()) {
      this.#idle -= 1;
      if (kept.usableUntil > now) return kept;
      kept.destroy();
    }
    return undefined;
  }

  #sweep(): void {
    const now = performance.now();
    for (const [webhookId, owner] of this.#byWebhook) {
      for (const connection of owner.free.filter(({ usableUntil }) => usableUntil <= now)) {
        this.#dropIdle(connection);
      }
      if (owner.free.length === 0 && owner.busy === 0) this.#byWebhook.delete(webhookId);
    }
  }

  readonly #dropIdle = (connection: Connection): void => {
    const { free } = connection.owner;
    const index = free.indexOf(connection);
    if (index !== -1) {
      free.splice(index, 1);
      this.#idle -= 1;
    }
    connection.destroy();
  };

  #drop(owner: WebhookConnections): void {
    owner.dropped = true;
    this.#idle -= owner.free.length;
    for (const connection of owner.free.splice(0)) connection.destroy();
  }
}
