import type { Peer } from './peer.ts';
import type { BenchStore } from './stores/bench-store.ts';

export interface BenchSettings {
  /** How long one measurement takes, without its warm-up. */
  readonly seconds: number;
  readonly repeats: number;
  /** The median of appending a page and syncing it here, in milliseconds. */
  readonly fdatasyncMs: number;
  /** Those that Posthorn is measured on. */
  readonly stores: readonly BenchStore[];
  /** What is measured beside it in case (a). */
  readonly peers: readonly Peer[];
  /** Shows a line as soon as it is known. */
  print(line: string): void;
}

export interface CaseResult {
  /** For people: the summary. */
  readonly summary: readonly string[];
  /** For programs. */
  readonly figures: unknown;
  /** What makes the run void: with any, its figures mean nothing. */
  readonly faults: readonly string[];
}

/** One question and how it is measured. */
export interface BenchCase {
  readonly letter: string;
  readonly title: string;
  /** Whether it takes so long that it is measured with `--full`, or when it is named, only. */
  readonly long?: boolean;
  run(settings: BenchSettings): Promise<CaseResult>;
}

/** Before each measurement, not counted: compilers and caches settle. */
export const WARM_UP_MS = 3_000;
