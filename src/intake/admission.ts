import { performance } from 'node:perf_hooks';

/** How often the process looks at itself while there is something to admit. */
const TICK_MS = 20;
/** Above this share of busy time of the event loop the process itself is the bottleneck. */
const BUSY = 0.9;
/** With more rows than this waiting behind the commit under way the store is. */
const MAX_ROWS_BEHIND = 1_000;
/** Either counts for so long: what is held back no longer shows that it would be too much. */
const SATURATED_MS = 1_000;
/** Deliveries that may wait for this process before callers have to. */
const MAX_WAITING = 512;
/** For each attempt that ended so much of a delivery is let in: the backlog shrinks meanwhile. */
const REPLACED = 0.9;
/** No caller waits longer than this: beyond it deliveries wait in the store. */
const LONGEST_WAIT_MS = 1_000;

export interface AdmissionParts {
  /** Deliveries that wait in memory although their endpoints are answering; Infinity: beyond it too. */
  readonly waitingWhileMoving: () => number;
  /** Attempts that ended, since the start. */
  readonly attemptsEnded: () => number;
  /** Rows that wait behind the commit under way. */
  readonly rowsBehind: () => number;
  /** The share of its time that the event loop was busy since this was asked last. */
  readonly loopBusy: () => number;
}

interface Caller {
  readonly since: number;
  readonly events: number;
  readonly enter: () => void;
}

/**
 * Delays callers when events come in faster than this process can send them. Without it callers take
 * all the time for accepting, and the deliveries pile up: of lists of a hundred events a request 46 %
 * were waiting when the load ended.
 *
 * It looks at the process only: deliveries that wait for a slow endpoint delay nobody. A backlog
 * counts where event loop or store are saturated and the endpoints it belongs to are answering. Then
 * callers come in, in their order, at the rate at which attempts end.
 */
export class Admission {
  readonly #parts: AdmissionParts;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #saturatedUntil = 0;
  #callers: Caller[] = [];
  #admitted = 0;
  /** Deliveries that callers may bring now. */
  #credit = 0;
  #attemptsEnded = 0;
  #events = 0;
  #deliveries = 0;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Undefined where there is room at once. */
  enter(events: number): Promise<void> | undefined {
    this.#admitted += 1;
    this.#timer ??= setInterval(() => this.#look(Date.now()), TICK_MS).unref();
    if (!this.#closed) return undefined;
    return new Promise((enter) => this.#callers.push({ since: Date.now(), events, enter }));
  }

  /** Events that were stored, and how many deliveries they came to. */
  accepted(events: number, deliveries: number): void {
    this.#events += events;
    this.#deliveries += deliveries;
  }

  #look(now: number): void {
    if (this.#isSaturated()) this.#saturatedUntil = now + SATURATED_MS;
    this.#closed = now < this.#saturatedUntil && this.#parts.waitingWhileMoving() > MAX_WAITING;
    this.#credit = this.#closed ? Math.min(this.#credit, 0) + this.#ended() * REPLACED : Infinity;
    const each = this.#fanOut();
    while (this.#callers.length > 0) {
      const [first] = this.#callers;
      if (!first || (this.#credit <= 0 && now - first.since < LONGEST_WAIT_MS)) break;
      // One that brings more than there is room for goes in too, and those behind it wait longer.
      this.#credit -= first.events * each;
      this.#callers.shift();
      first.enter();
    }
    this.#restIfIdle();
  }

  #isSaturated(): boolean {
    const { loopBusy, rowsBehind } = this.#parts;
    return loopBusy() > BUSY || rowsBehind() > MAX_ROWS_BEHIND;
  }

  /** Since it was asked last. */
  #ended(): number {
    const before = this.#attemptsEnded;
    this.#attemptsEnded = this.#parts.attemptsEnded();
    return this.#attemptsEnded - before;
  }

  /** Deliveries to an event, lately. */
  #fanOut(): number {
    const fanOut = this.#events === 0 ? 1 : Math.max(1, this.#deliveries / this.#events);
    this.#events /= 2;
    this.#deliveries /= 2;
    return fanOut;
  }

  #restIfIdle(): void {
    if (this.#admitted === 0 && this.#callers.length === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#admitted = 0;
  }
}

/** Measures this thread's event loop, from one call to the next. */
export function loopMeter(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
