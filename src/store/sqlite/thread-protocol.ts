import type { HealthStore } from '../health-store.ts';
import type { FlatBatch } from './codec.ts';
import type { ReadVerb } from './reader.ts';
import type { FlatError } from './sql-errors.ts';
import type { ChangeVerb } from './writer.ts';

/** What a thread is told to be. */
export interface ThreadData {
  readonly role: 'writer' | 'reader';
  readonly file: string;
  /** Those that encrypt secrets, the first one for what is written. */
  readonly keys: readonly Uint8Array[];
}

export type WriterCall =
  | { readonly kind: 'commit'; readonly batch: FlatBatch }
  | { readonly kind: 'change'; readonly verb: ChangeVerb; readonly args: readonly unknown[] }
  | { readonly kind: 'expire'; readonly before: number; readonly limit: number }
  | { readonly kind: 'announce'; readonly args: Parameters<HealthStore['announce']> }
  | { readonly kind: 'reseal'; readonly after: number; readonly limit: number }
  | { readonly kind: 'claimShards'; readonly shards: readonly number[] }
  | { readonly kind: 'probe' };

export interface ReaderCall {
  readonly kind: 'read';
  readonly verb: ReadVerb;
  readonly args: readonly unknown[];
}

export type Call = WriterCall | ReaderCall | { readonly kind: 'close' };

/** The first one says whether opening went well, then each call has a value or an error, in order. */
export type Reply =
  | { readonly values: readonly unknown[] }
  | { readonly error: FlatError }
  /** An error that came up beside any call; in no order. */
  | { readonly besideError: FlatError };
