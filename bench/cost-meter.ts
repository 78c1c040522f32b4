import { serverProcessIds } from './others-use.ts';
import { bytesWritten, peakMemoryBytes, processMs } from './processes.ts';

/** Of Posthorn, and of its database's server where it has one. */
export interface Cost {
  /** Processor time for 1,000 deliveries, in seconds. */
  readonly cpuSeconds: number;
  /** Handed to the disk for 1,000 deliveries. */
  readonly bytesWritten: number;
  /** Of Posthorn's own process, since its start. */
  readonly peakMemoryBytes: number;
}

/** What is used from its making on. */
export class CostMeter {
  readonly #pid: number;
  readonly #start: Readonly<Record<'cpuMs' | 'bytes', number>>;

  constructor(pid: number) {
    this.#pid = pid;
    this.#start = this.#use();
  }

  /** To be called while the process is there. */
  per(deliveries: number): Cost {
    const end = this.#use();
    const thousands = deliveries / 1_000;
    return {
      cpuSeconds: (end.cpuMs - this.#start.cpuMs) / 1_000 / thousands,
      bytesWritten: (end.bytes - this.#start.bytes) / thousands,
      peakMemoryBytes: peakMemoryBytes(this.#pid),
    };
  }

  #use(): Record<'cpuMs' | 'bytes', number> {
    const ids = [this.#pid, ...serverProcessIds()];
    const sum = (of: (id: number) => number): number =>
      ids.reduce((total, id) => total + (of(id) || 0), 0);
    return { cpuMs: sum(processMs), bytes: sum(bytesWritten) };
  }
}
