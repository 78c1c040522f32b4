import type { EventId } from '../../domain/ids.ts';
import type { NodeId } from '../../domain/shard.ts';
import type { RetriedDelivery, SignalListener, SignalStore, WebhookName } from '../signal-store.ts';
import { textArray } from './arrays.ts';
import { Listening } from './listening.ts';
import type { SessionPool } from './session-pool.ts';

/** Signals are collected for so long: at 2,000 events a second one statement tells of 40. */
const COLLECT_MS = 20;
/** After signals could not be sent. */
const AGAIN_MS = 1_000;

/** PostgreSQL takes payloads of less than 8,000 bytes; a webhook's name has 33 at most. */
const NAMES_IN_A_PAYLOAD = 200;
/** Such a one has 74 at most. */
const RETRIED_IN_A_PAYLOAD = 100;
/** More than this are not worth naming: then everybody looks at everything. */
const MAX_NAMES = 5_000;

const NOTIFY = {
  name: 'notify',
  text: `SELECT pg_notify('posthorn', payload) FROM unnest($1::text[]) AS payload`,
};

/** What one node says: of whom it comes, and what it is about. */
interface Signal {
  readonly node: NodeId;
  readonly pending?: readonly (readonly [accountId: number, webhookId: number])[];
  /** They are among the pending ones too, for nodes that know those only. */
  readonly retried?: readonly (readonly [accountId: number, webhookId: number, event: EventId])[];
  readonly account?: readonly [accountId: number, version: number];
  readonly everything?: true;
}

/** Tells the other nodes, and hears them. */
export class Signals implements SignalStore {
  readonly #pool: SessionPool;
  readonly #url: string;
  readonly #nodeId: NodeId;
  readonly #pending = new Map<number, number>();
  readonly #accounts = new Map<number, number>();
  #retried: RetriedDelivery[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();
  #listening: Listening | undefined;

  constructor(pool: SessionPool, url: string, nodeId: NodeId) {
    this.#pool = pool;
    this.#url = url;
    this.#nodeId = nodeId;
  }

  announcePending(webhooks: readonly WebhookName[]): void {
    for (const { accountId, webhookId } of webhooks) this.#pending.set(webhookId, accountId);
    this.#soon(COLLECT_MS);
  }

  announceRetried(delivery: RetriedDelivery): void {
    this.#retried.push(delivery);
    this.announcePending([delivery]);
  }

  announceAccount(accountId: number, version: number): void {
    this.#noteAccount(accountId, version);
    this.#soon(COLLECT_MS);
  }

  listen(listener: SignalListener | null): void {
    this.#listening?.stop();
    this.#listening =
      listener === null
        ? undefined
        : new Listening(this.#url, {
            missed: () => listener.missed(),
            heard: (payload) => hear(payload, this.#nodeId, listener),
          });
  }

  /** Sends what is collected still, and hears no more. */
  async close(): Promise<void> {
    this.listen(null);
    clearTimeout(this.#timer);
    await this.#sending;
    await this.#send();
    clearTimeout(this.#timer);
  }

  #soon(ms: number): void {
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sending = this.#send();
    }, ms);
  }

  /** What cannot be sent is kept, and said later. */
  async #send(): Promise<void> {
    const pending = new Map(this.#pending);
    const accounts = new Map(this.#accounts);
    const retried = this.#retried;
    if (pending.size + accounts.size === 0) return;
    this.#pending.clear();
    this.#accounts.clear();
    this.#retried = [];
    const payloads = this.#payloads([...pending], [...accounts], retried);
    try {
      await this.#pool.run((session) => session.query(NOTIFY, [textArray(payloads)]));
    } catch {
      for (const [webhookId, accountId] of pending) this.#pending.set(webhookId, accountId);
      this.#retried.unshift(...retried.slice(0, MAX_NAMES));
      for (const [accountId, version] of accounts) this.#noteAccount(accountId, version);
      this.#soon(AGAIN_MS);
    }
  }

  #noteAccount(accountId: number, version: number): void {
    this.#accounts.set(accountId, Math.max(this.#accounts.get(accountId) ?? 0, version));
  }

  #payloads(
    pending: readonly (readonly [webhookId: number, accountId: number])[],
    accounts: readonly (readonly [number, number])[],
    retried: readonly RetriedDelivery[],
  ): string[] {
    const node = this.#nodeId;
    const signals: Signal[] = accounts.map((account) => ({ node, account }));
    for (let at = 0; at < retried.length; at += RETRIED_IN_A_PAYLOAD) {
      signals.push({ node, retried: retried.slice(at, at + RETRIED_IN_A_PAYLOAD).map(named) });
    }
    if (pending.length > MAX_NAMES) {
      signals.push({ node, everything: true });
      return signals.map((signal) => JSON.stringify(signal));
    }
    for (let at = 0; at < pending.length; at += NAMES_IN_A_PAYLOAD) {
      const names = pending.slice(at, at + NAMES_IN_A_PAYLOAD);
      signals.push({
        node,
        pending: names.map(([webhookId, accountId]) => [accountId, webhookId]),
      });
    }
    return signals.map((signal) => JSON.stringify(signal));
  }
}

function named({ accountId, webhookId, eventId }: RetriedDelivery): [number, number, EventId] {
  return [accountId, webhookId, eventId];
}

/** A newer version may say what this one does not know: that is passed over. */
function hear(payload: string, self: NodeId, listener: SignalListener): void {
  const signal = parse(payload);
  if (!signal || signal.node === self) return;
  if (signal.account) listener.accountChanged(...signal.account);
  if (signal.everything) listener.missed();
  if (signal.retried) {
    listener.retried(
      signal.retried.map(([accountId, webhookId, eventId]) => ({ accountId, webhookId, eventId })),
    );
  }
  if (signal.pending) {
    listener.pending(signal.pending.map(([accountId, webhookId]) => ({ accountId, webhookId })));
  }
}

function parse(payload: string): Signal | undefined {
  try {
    return JSON.parse(payload) as Signal;
  } catch {
    return undefined;
  }
}
