import { cpus } from 'node:os';
import { childProcessIds } from './children.ts';
import { processMs, withChildren } from './processes.ts';

/** Programs that serve the benchmark though they are not its children. */
const servers = new Set<number>();

/** What this process and its children use is no use by others from now on, until it is disposed of. */
export function countAsOwn(pid: number): Disposable {
  servers.add(pid);
  return { [Symbol.dispose]: () => servers.delete(pid) };
}

/** Of programs that serve the benchmark, with their children. */
export function serverProcessIds(): number[] {
  return [...servers].flatMap(withChildren);
}

interface CpuTimes {
  readonly own: number;
  readonly busy: number;
  readonly all: number;
}

/**
 * How much of the machine other programs used from its making on: figures that were taken beside
 * somebody else's work are not to be compared. Children count as own, also those that have ended.
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
  const ids = [process.pid, ...childProcessIds(), ...serverProcessIds()];
  const own = ids.reduce((sum, id) => sum + processMs(id), 0);
  return { own, busy, all };
}
