/**
 * Milliseconds of a clock that all processes of this machine share and nobody sets: the monotonic
 * one. `performance.now()` reads it too, but counts from the start of its own process.
 */
const OFFSET = Number(process.hrtime.bigint()) / 1e6 - performance.now();

export function monotonicMs(): number {
  return OFFSET + performance.now();
}
