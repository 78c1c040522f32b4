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

const ACCEPTED = 202;

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

  answered(status: number): void {
    this.#answered += 1;
    if (status === ACCEPTED) this.#accepted += 1;
    else this.#others[status] = (this.#others[status] ?? 0) + 1;
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
