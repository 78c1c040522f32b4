import type Database from 'better-sqlite3';
import type { ShardLease } from '../../domain/shard.ts';
import type { HealthStore } from '../health-store.ts';
import type { ResealStep } from '../sealing-store.ts';
import type { RecordResult, RetentionStep } from '../store.ts';
import { Vault } from '../vault.ts';
import { Accepting } from './accepting.ts';
import { Announcing } from './announcing.ts';
import { CatalogWrites } from './catalog-writes.ts';
import { Checkpoints } from './checkpoints.ts';
import { BatchReader, encodeResult, type FlatBatch, type FlatResult } from './codec.ts';
import { openForWriting } from './open.ts';
import { Recording, RecordingState } from './recording.ts';
import { RedoWrites } from './redo-writes.ts';
import { Registrar } from './registrar.ts';
import { Retention } from './retention.ts';
import { Sealing } from './sealing.ts';
import { WebhookRows } from './webhook-rows.ts';

export type ChangeVerb = Exclude<keyof CatalogWrites | keyof RedoWrites, symbol>;

/**
 * All that writes, on one connection: every verb is one transaction, synced when it returns.
 * Synchronous; where it runs is the caller's business.
 */
export class Writer {
  readonly #database: Database.Database;
  readonly #lock: Database.Database;
  readonly #registrar: Registrar;
  readonly #accepting: Accepting;
  readonly #announcing: Announcing;
  readonly #recording: Recording;
  /** Those whose verbs are changes: each call is a transaction. */
  readonly #changes: readonly object[];
  readonly #retention: Retention;
  readonly #sealing: Sealing;
  readonly #checkpoints: Checkpoints;

  /** @throws StoreNotUsable also where the vault lacks a key: the file is left as it is then */
  constructor(file: string, vault = new Vault()) {
    const { database, lock } = openForWriting(file, vault);
    this.#database = database;
    this.#lock = lock;
    const webhooks = new WebhookRows(database, vault);
    this.#registrar = new Registrar(database);
    this.#accepting = new Accepting(database, this.#registrar);
    this.#announcing = new Announcing(database);
    this.#recording = new Recording(database, webhooks, this.#announcing);
    this.#changes = [
      new CatalogWrites(database, webhooks, this.#registrar),
      new RedoWrites(database, webhooks),
    ];
    this.#retention = new Retention(database, this.#announcing);
    this.#sealing = new Sealing(database, vault);
    this.#checkpoints = new Checkpoints(database);
    this.#checkpoints.afterCommit(performance.now());
  }

  /** One transaction for all of them. @returns what became of each */
  commit(batches: readonly FlatBatch[]): FlatResult[] {
    return this.#transaction(() => batches.map((batch) => this.#write(batch)));
  }

  probe(): void {
    this.#transaction(() => this.#database.exec('UPDATE shard SET epoch = epoch WHERE id = 0'));
  }

  claimShards(shards: readonly number[]): ShardLease[] {
    return this.#transaction(() => {
      const claim = this.#database.prepare<[number], ShardLease>(
        'UPDATE shard SET epoch = epoch + 1 WHERE id = ? RETURNING id AS shard, epoch',
      );
      return shards.flatMap((shard) => claim.get(shard) ?? []);
    });
  }

  /** A change of what is registered, or of what is pending. */
  change(verb: ChangeVerb, args: readonly unknown[]): unknown {
    const changes = this.#changes.find((part) => verb in part);
    if (!changes) throw new Error(`There is no change ${verb}`);
    const method = Reflect.get(changes, verb) as (...given: readonly unknown[]) => unknown;
    return this.#transaction(() => method.apply(changes, [...args]));
  }

  expire(before: number, limit: number): RetentionStep {
    const step = this.#transaction(() => this.#retention.expire(before, limit));
    if (step.events > 0) this.#retention.shrink();
    return step;
  }

  announce(...of: Parameters<HealthStore['announce']>): boolean {
    return this.#transaction(() => this.#announcing.accept(this.#accepting, ...of));
  }

  reseal(after: number, limit: number): ResealStep {
    const step = this.#transaction(() => this.#sealing.reseal(after, limit));
    if (step.last === null) this.#sealing.rewrite();
    return step;
  }

  /** To be called when the last call was answered. */
  tidy(): void {
    this.#checkpoints.afterCommit(performance.now());
  }

  close(): void {
    try {
      this.#checkpoints.beforeClose();
    } finally {
      this.#database.close();
      this.#lock.close();
    }
  }

  /** Records first, then accepts: what was sent is worth more than what is to be sent. */
  #write(batch: FlatBatch): FlatResult {
    const reader = new BatchReader(batch);
    const state = new RecordingState();
    const records: RecordResult[] = [];
    for (let i = 0; i < batch.records; i += 1) {
      records.push(this.#recording.record(reader.record(), state));
    }
    this.#recording.finish(state);
    // Read after the records: one of them may have disabled a webhook, which raises a version.
    const entries = Array.from({ length: batch.accepts }, () => reader.accept());
    const accepts = this.#accepting.accept(entries);
    return encodeResult({ records, accepts, disabled: state.disabled });
  }

  #transaction<Result>(work: () => Result): Result {
    try {
      return this.#database.transaction(work).immediate();
    } catch (error) {
      this.#registrar.forget();
      throw error;
    }
  }
}
