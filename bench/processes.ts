import { readFileSync } from 'node:fs';

/** Linux counts a process's time in hundredths of a second (USER_HZ). */
const MS_PER_TICK = 10;
/** In `/proc/PID/stat`, behind the name: `utime` and `stime`, then those of children that ended. */
const TIMES_FROM = 11;
const TIMES_TO = 15;

/** All figures are NaN where the system does not tell (only Linux does). */
export function processMs(id: number): number {
  const stat = read(id, 'stat');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(TIMES_FROM, TIMES_TO).map(Number);
  return ticks.length < TIMES_TO - TIMES_FROM
    ? Number.NaN
    : ticks.reduce((sum, tick) => sum + tick, 0) * MS_PER_TICK;
}

/** What was handed to the disk, also by children that ended. */
export function bytesWritten(id: number): number {
  return Number(/^write_bytes: (\d+)$/m.exec(read(id, 'io'))?.[1] ?? Number.NaN);
}

export function peakMemoryBytes(id: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(read(id, 'status'))?.[1] ?? Number.NaN) * 1_024;
}

export function withChildren(id: number): number[] {
  const children = read(id, `task/${id}/children`);
  return [id, ...children.split(' ').filter(Boolean).map(Number)];
}

/** Empty where there is no such process, or no such system. */
function read(id: number, file: string): string {
  try {
    return readFileSync(`/proc/${id}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
