/** What became of the events that a load posted. */
export interface Tally {
  /** The events' numbers run from this one on, without a gap. */
  readonly firstNumber: number;
  readonly posted: number;
  /** Answers 202. */
  readonly accepted: number;
  /** How many got which other answer; 0: the connection ended without one. */
  readonly others: Readonly<Record<number, number>>;
}

/** What a server answers that has taken an event. */
export const ACCEPTED = 202;

export class Counter {
  readonly #firstNumber: number;
  #next: number;
  #accepted = 0;
  #answered = 0;
  readonly #others: Record<number, number> = {};

  constructor(firstNumber: number) {
    this.#firstNumber = firstNumber;
    this.#next = firstNumber;
  }

  /** The number of the event that is posted now. */
  next(): number {
    return this.#next++;
  }

  /** @param events of a request, all of them with one answer */
  answered(status: number, events = 1): void {
    this.#answered += events;
    if (status === ACCEPTED) this.#accepted += events;
    else this.#others[status] = (this.#others[status] ?? 0) + events;
  }

  get accepted(): number {
    return this.#accepted;
  }

  get posted(): number {
    return this.#next - this.#firstNumber;
  }

  get unanswered(): number {
    return this.posted - this.#answered;
  }

  get tally(): Tally {
    return {
      firstNumber: this.#firstNumber,
      posted: this.posted,
      accepted: this.#accepted,
      others: this.#others,
    };
  }
}
