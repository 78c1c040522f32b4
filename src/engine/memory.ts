/** Deliveries held in memory by all lanes together: in rows, and in characters of their bodies. */
const MAX_ROWS = 20_000;
const MAX_SIZE = 32 * 1024 * 1024;

/** What one holder has in memory. */
export interface Holding {
  readonly rows: number;
  readonly size: number;
}

/**
 * A shared bound with a moving share for each: one may hold as much as is still free. A few big
 * ones come to equal parts, and one as large as theirs is always left for the next to come
 * (the dynamic threshold of Choudhury and Hahne, made for shared packet buffers). Who holds
 * nothing may take one in any case, up to twice the bound: nobody is shut out.
 */
export class Memory {
  #rows = 0;
  #size = 0;

  /** How many more rows a holder may take, if their bodies are small. */
  roomFor(holder: Holding): number {
    const rows = MAX_ROWS - this.#rows - holder.rows;
    if (rows > 0 && holder.size < MAX_SIZE - this.#size) return rows;
    const shutOut = holder.rows === 0 && this.#rows < 2 * MAX_ROWS && this.#size < 2 * MAX_SIZE;
    return shutOut ? 1 : 0;
  }

  take(size: number): void {
    this.#rows += 1;
    this.#size += size;
  }

  give(size: number): void {
    this.#rows -= 1;
    this.#size -= size;
  }
}
