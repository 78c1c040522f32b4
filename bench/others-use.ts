import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { childProcessIds } from './children.ts';

/** Linux counts a process's time in hundredths of a second (USER_HZ). */
const MS_PER_TICK = 10;
/** In `/proc/PID/stat`, behind the name: `utime` and `stime`, then those of children that ended. */
const TIMES_FROM = 11;
const TIMES_TO = 15;

/** Programs that serve the benchmark though they are not its children. */
const servers = new Set<number>();

/** What this process and its children use is no use by others from now on. */
export function countAsOwn(pid: number): void {
  servers.add(pid);
}

interface CpuTimes {
  readonly own: number;
  readonly busy: number;
  readonly all: number;
}

/**
 * How much of the machine other programs used from its making on: figures that were taken beside
 * somebody else's work are not to be compared. Children that are there at the end count as own.
 */
export class OthersUse {
  readonly #start = cpuTimes();

  /** Of all cores; NaN where the system does not tell (only Linux does). */
  get share(): number {
    const [start, end] = [this.#start, cpuTimes()];
    const others = end.busy - start.busy - (end.own - start.own);
    return Math.max(0, others / (end.all - start.all));
  }
}

function cpuTimes(): CpuTimes {
  let [busy, all] = [0, 0];
  for (const { times } of cpus()) {
    const { user, nice, sys, idle, irq } = times;
    busy += user + nice + sys;
    all += user + nice + sys + idle + irq;
  }
  const { user, system } = process.cpuUsage();
  const ids = [...childProcessIds(), ...[...servers].flatMap(withChildren)];
  const children = ids.reduce((sum, id) => sum + processTime(id), 0);
  return { own: (user + system) / 1_000 + children, busy, all };
}

function withChildren(id: number): number[] {
  try {
    const children = readFileSync(`/proc/${id}/task/${id}/children`, 'utf8');
    return [id, ...children.split(' ').filter(Boolean).map(Number)];
  } catch {
    return [id];
  }
}

function processTime(id: number): number {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(TIMES_FROM, TIMES_TO).reduce((sum, field) => sum + Number(field), 0);
    return ticks * MS_PER_TICK;
  } catch {
    return Number.NaN;
  }
}
