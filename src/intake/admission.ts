import { performance } from 'node:perf_hooks';

/** How often the process looks at itself while there is something to admit. */
const TICK_MS = 20;
/** Above this share of busy time of the event loop the process itself is the bottleneck. */
const SATURATED = 0.9;
/** Deliveries that may wait for this process before callers have to. */
const MAX_WAITING = 512;
/** No caller waits longer than this: beyond it deliveries wait in the store. */
const LONGEST_WAIT_MS = 1_000;

/**
 * Delays callers when events come in faster than this process can send them. Without it a closed
 * loop of callers takes all the time for accepting, and the deliveries pile up.
 *
 * It looks at the process only: deliveries that wait for a slow endpoint delay nobody. A backlog
 * counts where the event loop is saturated and the endpoints it belongs to are answering.
 */
export class Admission {
  readonly #waitingWhileMoving: () => number;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #lastUtilization = performance.eventLoopUtilization();
  #callers: { since: number; enter: () => void }[] = [];
  #admitted = 0;

  constructor(waitingWhileMoving: () => number) {
    this.#waitingWhileMoving = waitingWhileMoving;
  }

  /** Undefined where there is room at once. */
  enter(): Promise<void> | undefined {
    this.#admitted += 1;
    this.#timer ??= setInterval(() => this.#look(), TICK_MS).unref();
    if (!this.#closed) return undefined;
    return new Promise((enter) => this.#callers.push({ since: Date.now(), enter }));
  }

  #look(): void {
    const utilization = performance.eventLoopUtilization();
    const busy = performance.eventLoopUtilization(utilization, this.#lastUtilization).utilization;
    this.#lastUtilization = utilization;
    this.#closed = busy > SATURATED && this.#waitingWhileMoving() > MAX_WAITING;
    const now = Date.now();
    const stay = (caller: { since: number }): boolean =>
      this.#closed && now - caller.since < LONGEST_WAIT_MS;
    const waiting = this.#callers;
    this.#callers = waiting.filter(stay);
    for (const caller of waiting) if (!stay(caller)) caller.enter();
    this.#restIfIdle();
  }

  #restIfIdle(): void {
    if (this.#admitted === 0 && this.#callers.length === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#admitted = 0;
  }
}
