import type { Spread } from './statistics.ts';

/** 12345.6 -> "12,346" */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function percent(share: number): string {
  return Number.isNaN(share) ? 'unknown' : `${(share * 100).toFixed(1)} %`;
}

export function ratioText(value: number): string {
  return value.toFixed(2);
}

export function spreadCells(
  { median, min, max }: Spread,
  text: (value: number) => string,
): string[] {
  return [text(median), text(min), text(max)];
}

/** Rows of cells below each other; the first column to the left, numbers to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  '),
  );
}
