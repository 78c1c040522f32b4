import { Client } from 'undici';
import type { Cancel, GuardedConnector } from './connector.ts';

const IDLE_MS = 4_000;
/** In all: thousands of webhooks that get one request each must not use up the process's sockets. */
const MAX_IDLE = 1_000;
const MAX_HEADER_BYTES = 16 * 1024;

/** One undici client: at most one socket, one request at a time. It connects, and reconnects, by itself. */
export interface Connection {
  readonly client: Client;
  readonly owner: WebhookConnections;
  /** Of the latest connecting: undici itself would let it go on after its client's end. */
  cancelConnecting: Cancel;
  /** Whether it has carried a request before: its socket may have gone stale since. */
  used: boolean;
  idleSince: number;
}

/** What is kept open for one webhook. */
interface WebhookConnections {
  url: string;
  path: string;
  readonly origin: string;
  /** The one used last is used next, so that those not needed fall idle. */
  readonly free: Connection[];
  busy: number;
  dropped: boolean;
}

/**
 * Connections by webhook, not by origin: a hanging path must not hold up a healthy one, and all customers
 * of a no-code tool share one origin. Nobody waits here for a free connection: the caller bounds how many
 * requests are under way.
 */
export class Connections {
  readonly #connect: GuardedConnector;
  readonly #byWebhook = new Map<number, WebhookConnections>();
  readonly #sweeper: NodeJS.Timeout;
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

  /** A connection for one request to that URL. Throws where the URL cannot be sent to. */
  take(webhookId: number, url: string): Connection {
    const known = this.#byWebhook.get(webhookId);
    const owner = known?.url === url ? known : this.#target(webhookId, url, known);
    const kept = owner.free.pop();
    if (kept) this.#idle -= 1;
    const connection = kept ?? this.#open(owner);
    owner.busy += 1;
    return connection;
  }

  /** Its request has ended well: it may carry the next one. */
  release(connection: Connection): void {
    const { owner } = connection;
    if (owner.dropped || this.#idle >= MAX_IDLE) return this.discard(connection);
    owner.busy -= 1;
    this.#idle += 1;
    connection.used = true;
    connection.idleSince = performance.now();
    owner.free.push(connection);
  }

  /** Its request has not ended, or not as HTTP wants it: nothing more may go over it. */
  discard(connection: Connection): void {
    connection.owner.busy -= 1;
    destroy(connection);
  }

  /** Idle ones go now, busy ones when their request ends. */
  forget(webhookId: number): void {
    const owner = this.#byWebhook.get(webhookId);
    if (owner === undefined) return;
    this.#byWebhook.delete(webhookId);
    owner.dropped = true;
    this.#letGo(owner, owner.free.length);
  }

  /** Idle ones go; a request that is still under way, or starts later, takes its connection with it. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    const clients: Client[] = [];
    for (const [webhookId, { free }] of this.#byWebhook) {
      for (const { client } of free) clients.push(client);
      this.forget(webhookId);
    }
    await Promise.all(clients.map((client) => client.destroy()));
  }

  #target(
    webhookId: number,
    url: string,
    known: WebhookConnections | undefined,
  ): WebhookConnections {
    const { origin, pathname, search } = new URL(url);
    const path = pathname + search;
    if (known?.origin === origin) return Object.assign(known, { url, path });
    this.forget(webhookId);
    const dropped = this.#closed;
    const owner = { url, path, origin, free: [], busy: 0, dropped };
    if (!dropped) this.#byWebhook.set(webhookId, owner);
    return owner;
  }

  #open(owner: WebhookConnections): Connection {
    const client = new Client(owner.origin, {
      connect: (target, callback) => {
        connection.cancelConnecting = this.#connect(target, callback);
      },
      allowH2: false,
      pipelining: 1,
      // The exchange has a deadline of its own over all of it.
      headersTimeout: 0,
      bodyTimeout: 0,
      // A receiver's `Keep-Alive: timeout=` can only shorten the time.
      keepAliveTimeout: this.#idleMs,
      keepAliveMaxTimeout: this.#idleMs,
      keepAliveTimeoutThreshold: 1_000,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    const connection: Connection = {
      client,
      owner,
      cancelConnecting: () => {},
      used: false,
      idleSince: 0,
    };
    return connection;
  }

  /** Undici closes idle sockets itself; this lets go of what is left of them, and of webhooks at rest. */
  #sweep(): void {
    const staleBefore = performance.now() - this.#idleMs;
    for (const [webhookId, owner] of this.#byWebhook) {
      const firstFresh = owner.free.findIndex(({ idleSince }) => idleSince > staleBefore);
      this.#letGo(owner, firstFresh === -1 ? owner.free.length : firstFresh);
      if (owner.free.length === 0 && owner.busy === 0) this.#byWebhook.delete(webhookId);
    }
  }

  /** The ones that have been idle longest. */
  #letGo(owner: WebhookConnections, count: number): void {
    this.#idle -= count;
    owner.free.splice(0, count).forEach(destroy);
  }
}

function destroy({ client, cancelConnecting }: Connection): void {
  client.destroy(() => {});
  cancelConnecting();
}
