import type { FlatBatch } from './codec.ts';
import type { ReadVerb } from './reader.ts';
import type { FlatError } from './sql-errors.ts';
import type { ChangeVerb } from './writer.ts';

/** What a thread is told to be. */
export interface ThreadData {
  readonly role: 'writer' | 'reader';
  readonly file: string;
}

export type WriterCall =
  | { readonly kind: 'commit'; readonly batch: FlatBatch }
  | { readonly kind: 'change'; readonly verb: ChangeVerb; readonly args: readonly unknown[] }
  | { readonly kind: 'expire'; readonly before: number; readonly limit: number }
  | { readonly kind: 'claimShards'; readonly shards: readonly number[] }
  | { readonly kind: 'probe' };

export interface ReaderCall {
  readonly kind: 'read';
  readonly verb: ReadVerb;
  readonly args: readonly unknown[];
}

export type Call = WriterCall | ReaderCall | { readonly kind: 'close' };

export interface Request {
  readonly id: number;
  readonly call: Call;
}

export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: FlatError };

/** The id of the reply that says whether opening went well. */
export const OPENED = -1;

/** The id of an error that came up beside any request. */
export const BESIDE = 0;
