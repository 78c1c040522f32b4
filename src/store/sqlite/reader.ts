import type Database from 'better-sqlite3';
import { Vault } from '../vault.ts';
import { DispatchReads } from './dispatch-reads.ts';
import { LookReads } from './look-reads.ts';
import { openForReading } from './open.ts';

/** The reads of the dispatcher and the catalog, then those of the API. */
const DISPATCH = [
  'account',
  'accountVersions',
  'pendingWebhooks',
  'due',
  'dueInOrder',
  'webhooksToCancel',
] as const;
const LOOK = [
  'accounts',
  'apiKey',
  'webhook',
  'webhooks',
  'campaign',
  'event',
  'events',
  'delivery',
  'deliveries',
] as const;

type Reads = Pick<DispatchReads, (typeof DISPATCH)[number]> &
  Pick<LookReads, (typeof LOOK)[number]>;
export type ReadVerb = keyof Reads;
export type ReadArguments<Verb extends ReadVerb> = Parameters<Reads[Verb]>;
export type ReadResult<Verb extends ReadVerb> = ReturnType<Reads[Verb]>;

/**
 * All that reads, on a connection of its own: each call is one snapshot, which sees every commit
 * that was answered before it began, and holds up none. Synchronous, like the writer.
 */
export class Reader {
  readonly #database: Database.Database;
  readonly #look: LookReads;
  readonly #dispatch: DispatchReads;

  constructor(file: string, vault = new Vault()) {
    this.#database = openForReading(file);
    this.#look = new LookReads(this.#database, vault);
    this.#dispatch = new DispatchReads(this.#database, vault);
  }

  /** Several statements of one call see one state: a delivery must not move between two of them. */
  read(verb: ReadVerb, args: readonly unknown[]): unknown {
    const reads: object = verb in this.#dispatch ? this.#dispatch : this.#look;
    const method = Reflect.get(reads, verb) as (...given: readonly unknown[]) => unknown;
    return this.#database.transaction(() => method.apply(reads, [...args]))();
  }

  close(): void {
    this.#database.close();
  }
}
