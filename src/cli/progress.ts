const BAR_WIDTH = 30;
/** Without a terminal: a line each time so many more percent are done. */
const PLAIN_STEP = 10;

/** Where progress is shown; `isTTY` as streams have it. */
export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** `[###############---------------]  50 %, 10,000 of 20,000` */
export function progressLine(done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(done / total, 1);
  const filled = Math.floor(share * BAR_WIDTH);
  const bar = '#'.repeat(filled) + '-'.repeat(BAR_WIDTH - filled);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `[${bar}] ${percent} %, ${inThousands(done)} of ${inThousands(total)}`;
}

export function inThousands(count: number): string {
  return count.toLocaleString('en-US');
}

/** A bar that fills in place on a terminal; else now and then a line, so that a log stays short. */
export class Progress {
  readonly #output: ProgressOutput;
  #shown = '';
  #step = -1;

  constructor(output: ProgressOutput) {
    this.#output = output;
  }

  show(done: number, total: number): void {
    const line = progressLine(done, total);
    if (line === this.#shown) return;
    this.#shown = line;
    if (this.#output.isTTY) {
      this.#output.write(`\r${line}`);
      return;
    }
    const step = total === 0 ? PLAIN_STEP : Math.floor((done / total) * PLAIN_STEP);
    if (step > this.#step) this.#output.write(`${line}\n`);
    this.#step = step;
  }

  /** What is written after it begins in a line of its own. */
  end(): void {
    if (this.#output.isTTY && this.#shown !== '') this.#output.write('\n');
  }
}
