import type Database from 'better-sqlite3';

/** The log is copied into the file at this many pages (16 MiB): later is fewer writes, but longer ones. */
const CHECKPOINT_PAGES = 4_000;

/** With so many pages (256 MiB) in the log, readers are waited for, so that it can begin anew. */
const TOO_MANY_PAGES = 64_000;

/**
 * After one that failed or had to leave pages behind the next one waits so long. A restart waits for
 * readers itself, as long as for any lock: tried at every commit, it would add that to each of them.
 */
const PAUSE_MS = 1_000;

interface CheckpointResult {
  readonly busy: number;
  readonly log: number;
}

/** Copies the log into the file, at moments of our own: after a commit was answered, not within one. */
export class Checkpoints {
  readonly #database: Database.Database;
  #notBefore = 0;

  constructor(database: Database.Database) {
    this.#database = database;
  }

  /**
   * Throws what SQLite says: a checkpoint syncs too, and a sync that fails is the end.
   * @param now milliseconds of a clock that never steps
   */
  afterCommit(now: number): void {
    if (now < this.#notBefore) return;
    this.#notBefore = now + PAUSE_MS;
    const pages = this.#run('NOOP').log;
    const complete =
      pages < CHECKPOINT_PAGES ||
      this.#run(pages < TOO_MANY_PAGES ? 'PASSIVE' : 'RESTART').busy === 0;
    if (complete) this.#notBefore = now;
  }

  /** At the end: the file holds everything, and the log is empty. */
  beforeClose(): void {
    this.#run('TRUNCATE');
  }

  #run(mode: 'NOOP' | 'PASSIVE' | 'RESTART' | 'TRUNCATE'): CheckpointResult {
    const [result] = this.#database.pragma(`wal_checkpoint(${mode})`) as CheckpointResult[];
    return result ?? { busy: 0, log: 0 };
  }
}
