import { countRedo } from '../catalog/count-redo.ts';
import type { Redo } from '../domain/redo.ts';
import type { RedoStore } from '../store/redo-store.ts';
import type { WebhookName } from '../store/signal-store.ts';
import type { Log } from '../telemetry/log.ts';

/** Between two rounds of steps: commits of live events go between. */
const BREATH_MS = 20;
/** While webhooks take no more, or there is nothing to do: how soon it looks again, at the longest. */
const LONGEST_SLEEP_MS = 1_000;

export interface RedoWorkerParts {
  readonly store: Pick<RedoStore, 'unfinishedRedos' | 'countRedo' | 'startRedo' | 'stepRedo'>;
  /** Redos go on where their webhooks are sent to. */
  readonly ownedShards: () => readonly number[];
  /** How many requests at a time a webhook has earned; undefined where nothing was sent to it lately. */
  readonly slotsOf: (webhookId: number) => number | undefined;
  /** Told of what is pending again. */
  readonly putBack: (webhook: WebhookName) => void;
  readonly log: Log;
}

/**
 * Moves redos on, step by step, only as far as their webhooks have room: what is accepted meanwhile does
 * not wait behind them. A redo that another process has begun goes on from where that has come to.
 */
export class RedoWorker {
  readonly #parts: RedoWorkerParts;
  #timer: NodeJS.Timeout | undefined;
  #stopped = true;
  #round: Promise<void> = Promise.resolve();
  #underWay = false;
  #woken = false;
  #sleepMs = LONGEST_SLEEP_MS;

  constructor(parts: RedoWorkerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#stopped = false;
    this.wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  /** There is a redo that it may not know of. */
  wake(): void {
    if (this.#stopped) return;
    if (this.#underWay) {
      this.#woken = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#round = this.#work();
  }

  async #work(): Promise<void> {
    this.#underWay = true;
    try {
      this.#sleepMs = (await this.#steps()) ? BREATH_MS : this.#longer();
    } catch (error) {
      this.#sleepMs = LONGEST_SLEEP_MS;
      this.#parts.log.taskFailed('go on with redos', error);
    }
    this.#underWay = false;
    if (this.#stopped) return;
    this.#timer = setTimeout(() => this.wake(), this.#woken ? 0 : this.#sleepMs);
    this.#woken = false;
  }

  /** One step of each redo. @returns whether any of them got on */
  async #steps(): Promise<boolean> {
    const { store, ownedShards } = this.#parts;
    let moved = false;
    for (const redo of await store.unfinishedRedos(ownedShards())) {
      if (this.#stopped) return false;
      if (await this.#step(redo)) moved = true;
    }
    return moved;
  }

  async #step(redo: Redo): Promise<boolean> {
    const { store, slotsOf, putBack, log } = this.#parts;
    // Whoever was asked for it died, or counts still: what is counted is the same.
    if (redo.count === null) await store.startRedo(redo.id, await countRedo(store, redo));
    const step = await store.stepRedo(redo, slotsOf(redo.webhookId));
    if (step.putBack > 0) putBack(redo);
    if (step.ended) log.redoEnded(redo);
    return step.putBack > 0 || step.ended;
  }

  #longer(): number {
    return Math.min(2 * this.#sleepMs, LONGEST_SLEEP_MS);
  }
}
