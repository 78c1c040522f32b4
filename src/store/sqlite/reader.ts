import type Database from 'better-sqlite3';
import { Vault } from '../vault.ts';
import { DispatchReads } from './dispatch-reads.ts';
import { ExplainReads } from './explain-reads.ts';
import { HealthReads } from './health-reads.ts';
import { LookReads } from './look-reads.ts';
import { openForReading } from './open.ts';
import { RedoReads } from './redo-reads.ts';

/** The reads of the dispatcher and the catalog, then those of the API. */
const DISPATCH = [
  'account',
  'accountVersions',
  'pendingWebhooks',
  'due',
  'dueInOrder',
  'retried',
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
  Pick<LookReads, (typeof LOOK)[number]> &
  Pick<ExplainReads, 'webhooksThen'> &
  Pick<RedoReads, 'redo' | 'unfinishedRedos' | 'countRedo'> &
  Pick<HealthReads, 'failing' | 'announcements'>;
export type ReadVerb = keyof Reads;
export type ReadArguments<Verb extends ReadVerb> = Parameters<Reads[Verb]>;
export type ReadResult<Verb extends ReadVerb> = ReturnType<Reads[Verb]>;

/**
 * All that reads, on a connection of its own: each call is one snapshot, which sees every commit
 * that was answered before it began, and holds up none. Synchronous, like the writer.
 */
export class Reader {
  readonly #database: Database.Database;
  readonly #parts: readonly object[];

  constructor(file: string, vault = new Vault()) {
    this.#database = openForReading(file);
    this.#parts = [
      new DispatchReads(this.#database, vault),
      new LookReads(this.#database, vault),
      new ExplainReads(this.#database),
      new RedoReads(this.#database),
      new HealthReads(this.#database),
    ];
  }

  /** Several statements of one call see one state: a delivery must not move between two of them. */
  read(verb: ReadVerb, args: readonly unknown[]): unknown {
    const reads = this.#parts.find((part) => verb in part);
    if (!reads) throw new Error(`There is no read ${verb}`);
    const method = Reflect.get(reads, verb) as (...given: readonly unknown[]) => unknown;
    return this.#database.transaction(() => method.apply(reads, [...args]))();
  }

  close(): void {
    this.#database.close();
  }
}
