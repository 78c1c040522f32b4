import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhooks } from '../../src/catalog/webhooks.ts';
import { readConfig } from '../../src/config.ts';
import { Core } from '../../src/core.ts';
import type { NewEvent } from '../../src/domain/event.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { AddressGuard } from '../../src/engine/address-guard.ts';
import { NameResolver } from '../../src/engine/name-resolver.ts';
import { Sender } from '../../src/engine/sender.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { DeliverySummary, Store } from '../../src/store/store.ts';
import { Log } from '../../src/telemetry/log.ts';
import { NO_POLICY } from '../../src/domain/webhook-policy.ts';

export interface CoreOptions {
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Calls of the real store that a test counts, delays or lets fail; all others go to it as they
   * are. What is not failed is done by the real store, on a real file.
   */
  readonly around?: (store: SqliteStore) => Partial<Store>;
  /** What holds up such calls, or fails them: opened when the core ends, however the test went. */
  readonly gates?: readonly { open(): void }[];
  /** By which leases hold. */
  readonly clock?: Clock;
  /** The caller's own, which stays; else one is made, and removed at the end. */
  readonly file?: string;
}

type LogLine = Readonly<Record<string, unknown>>;

/**
 * Everything but the HTTP face and the process: a core over a real file and a real sender. Declare
 * the receivers after it, so that they end first: what hangs there ends with them.
 */
export class RunningCore implements AsyncDisposable {
  readonly store: SqliteStore;
  readonly core: Core;
  readonly webhooks: Webhooks;
  readonly log: Log;
  readonly #lines: LogLine[];
  readonly #close: () => Promise<void>;

  private constructor(
    store: SqliteStore,
    wrapped: Store,
    { env = {}, gates = [], clock }: CoreOptions,
    removeFiles: () => Promise<void>,
  ) {
    const config = readConfig(env, { dev: true });
    const resolver = new NameResolver();
    const guard = new AddressGuard(config.allowedTargets);
    const { connectTimeoutMs, requestTimeoutMs } = config;
    const sender = new Sender({ guard, resolver, connectTimeoutMs, requestTimeoutMs });
    this.#lines = [];
    const write = (line: string): void => void this.#lines.push(JSON.parse(line) as LogLine);
    this.log = new Log('debug', { write });
    this.store = store;
    const parts = { store: wrapped, sender, nodeId: 'node', log: this.log };
    this.core = new Core({ ...parts, ...(clock && { clock }) }, config);
    this.webhooks = new Webhooks({ store: wrapped, listener: this.core, log: this.log });
    this.#close = async () => {
      for (const gate of gates) gate.open();
      await this.core.stopSending();
      await this.core.stop();
      await sender.close();
      resolver.close();
      await store[Symbol.asyncDispose]();
      await removeFiles();
    };
  }

  /** Accepts already, and delivers once `core.start` was called. */
  static async open(options: CoreOptions = {}): Promise<RunningCore> {
    const { around, file } = options;
    const directory = file === undefined && (await mkdtemp(join(tmpdir(), 'posthorn-core-')));
    const store = await SqliteStore.open(file ?? join(directory || '', 'posthorn.db'), 'node');
    const wrapped = around ? wrap(store, around(store)) : store;
    return new RunningCore(store, wrapped, options, async () => {
      if (directory) await rm(directory, { recursive: true, force: true });
    });
  }

  static async start(options?: CoreOptions): Promise<RunningCore> {
    const running = await RunningCore.open(options);
    await running.core.start();
    return running;
  }

  async addWebhook(accountId: number, url: string): Promise<Webhook> {
    const { webhook } = await this.webhooks.create(
      {
        accountId,
        association: 1,
        targetId: null,
        name: null,
        url,
        eventTypeMap: null,
        categoryIdMap: null,
        webhookType: null,
        ...NO_POLICY,
      },
      true,
    );
    return webhook;
  }

  /** The log's lines of one kind. */
  logged(event: string): readonly LogLine[] {
    return this.#lines.filter(({ msg }) => msg === event);
  }

  /** Everything of an account that is pending, on disk. */
  async pending(accountId: number): Promise<readonly DeliverySummary[]> {
    const found: DeliverySummary[] = [];
    for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
      const page = { limit: 100, cursor };
      const { items, nextCursor } = await this.store.deliveries(
        accountId,
        { status: 'pending' },
        page,
      );
      found.push(...items);
      cursor = nextCursor;
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

/** Holds something up until it is opened. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();

  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  open(): void {
    this.#opened.resolve();
  }
}

export function event(accountId: number, more: Partial<NewEvent> = {}): NewEvent {
  return {
    accountId,
    callerEventId: null,
    type: 'SENT',
    campaignId: 1,
    clientId: null,
    leadEmail: 'a@example.com',
    categoryId: null,
    body: '{}',
    ...more,
  };
}

export function events(accountId: number, count: number, more?: Partial<NewEvent>): NewEvent[] {
  return Array.from({ length: count }, () => event(accountId, more));
}

function wrap(store: Store, changes: Partial<Store>): Store {
  return new Proxy(store, {
    get: (target, key) => {
      const value: unknown = Reflect.get(key in changes ? changes : target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
