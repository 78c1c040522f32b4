export interface BenchSettings {
  /** How long one measurement takes, without its warm-up. */
  readonly seconds: number;
  readonly repeats: number;
  /** Where databases are made. */
  readonly directory: string;
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
  run(settings: BenchSettings): Promise<CaseResult>;
}

/** Before each measurement, not counted: compilers and caches settle. */
export const WARM_UP_MS = 3_000;
