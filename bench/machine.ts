import { closeSync, fdatasyncSync, openSync, statfsSync, writeSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { temporaryDirectory } from './children.ts';
import { median } from './statistics.ts';

/** File systems by the number that `statfs` gives (linux/magic.h). */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x2fc12fc1: 'zfs',
  0x6969: 'nfs',
  0x794c7630: 'overlayfs',
  0x01021994: 'tmpfs',
  0x858458f6: 'ramfs',
};

const SYNCS = 200;
const PAGE_BYTES = 4_096;

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly fileSystem: string;
  /** The median of appending 4 KiB and `fdatasync`, in milliseconds: what one commit pays at least. */
  readonly fdatasyncMs: number;
  readonly date: string;
}

/** @throws Error where the directory lies in memory: figures of durability would be worth nothing */
export function machine(directory: string): Machine {
  using temporary = temporaryDirectory(directory);
  const type = statfsSync(temporary.path).type;
  const fileSystem = FILE_SYSTEMS[type] ?? `0x${type.toString(16)}`;
  if (fileSystem === 'tmpfs' || fileSystem === 'ramfs') {
    throw new Error(`${directory} lies in memory (${fileSystem}): give --directory on a disk`);
  }
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    node: process.version,
    fileSystem,
    fdatasyncMs: fdatasyncMs(join(temporary.path, 'sync')),
    date: new Date().toISOString(),
  };
}

export function machineText(machine: Machine): string {
  const { cpu, cores, node, fileSystem, fdatasyncMs, date } = machine;
  return (
    `${cpu}, ${cores} cores; Node ${node}; ${fileSystem}, fdatasync ${fdatasyncMs.toFixed(2)} ms; ` +
    date.slice(0, 16).replace('T', ' ')
  );
}

function fdatasyncMs(file: string): number {
  const descriptor = openSync(file, 'w');
  try {
    const page = Buffer.alloc(PAGE_BYTES, 1);
    return median(
      Array.from({ length: SYNCS }, () => {
        const start = performance.now();
        writeSync(descriptor, page);
        fdatasyncSync(descriptor);
        return performance.now() - start;
      }),
    );
  } finally {
    closeSync(descriptor);
  }
}
