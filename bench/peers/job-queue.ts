/** What is posted, taken as it is: Posthorn checks it against a schema, here nothing does. */
export type Event = Readonly<Record<string, unknown>>;

/**
 * A library as a team would use it: an event is a job, and delivering it is doing the job. It does
 * less than Posthorn: no event and no attempt is kept, nothing is matched, nothing is signed.
 */
export interface JobQueue {
  /** Resolves when the event is stored, so that it is not lost whatever happens next. */
  add(event: Event): Promise<unknown>;
  /** By the library's own call for many. */
  addAll(events: readonly Event[]): Promise<unknown>;
  /** From now on jobs are done, some at once; one that fails is tried again later. */
  work(deliver: (event: Event) => Promise<void>): Promise<unknown>;
  /** How many jobs are stored that are not done. */
  undoneCount(): Promise<number>;
}

/** Attempts of a job at most, with growing pauses: here none is ever needed, and none costs anything. */
export const ATTEMPTS = 8;
