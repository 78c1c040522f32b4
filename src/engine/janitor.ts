import { cancelAllPending } from '../catalog/cancel-pending.ts';
import type { CatalogStore, Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';

/** Events deleted in one transaction, with all that hangs on them. */
const EXPIRED_AT_A_TIME = 200;
/** Between two such transactions, so that commits of live events go between. */
const BREATH_MS = 50;
const ROUND_MS = 60_000;

export type JanitorStore = Pick<Store, 'expire'> &
  Pick<CatalogStore, 'cancelPending' | 'webhooksToCancel'>;

/** What nobody waits for: retention, and canceling that a crash cut short. */
export class Janitor {
  readonly #store: JanitorStore;
  readonly #retentionMs: number;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #stopped = true;
  #round: Promise<void> = Promise.resolve();

  constructor(store: JanitorStore, retentionMs: number, log: Log) {
    this.#store = store;
    this.#retentionMs = retentionMs;
    this.#log = log;
  }

  start(): void {
    this.#stopped = false;
    this.#round = this.#work();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  async #work(): Promise<void> {
    let sleep = ROUND_MS;
    try {
      for (const webhookId of await this.#store.webhooksToCancel()) {
        await cancelAllPending(this.#store, webhookId);
      }
      if (await this.#expire()) sleep = BREATH_MS;
    } catch (error) {
      this.#log.taskFailed('clean up', error);
    }
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#round = this.#work();
    }, sleep);
  }

  /** @returns whether there may be more to expire */
  async #expire(): Promise<boolean> {
    const step = await this.#store.expire(Date.now() - this.#retentionMs, EXPIRED_AT_A_TIME);
    if (step.events > 0) this.#log.expired(step);
    return step.more;
  }
}
