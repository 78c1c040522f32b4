/** A request that waits for its turn. */
interface Waiting {
  write(): void;
}

/**
 * Lets requests go out after the event loop has looked at the network once more. A kept connection may have
 * been closed, or have brought bytes that nobody asked for, and the system knows it before this process
 * does: a request written over it would be lost, or be given an answer that is none of its own. One
 * immediate serves all that begin in one turn of the loop.
 */
export class AfterPoll {
  #waiting: Waiting[] = [];

  add(waiting: Waiting): void {
    if (this.#waiting.push(waiting) === 1) setImmediate(flush, this);
  }

  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.write();
  }
}

function flush(afterPoll: AfterPoll): void {
  afterPoll.flush();
}
