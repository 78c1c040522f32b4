import { spawnSync } from 'node:child_process';

/** Ten times what the slowest file takes on two slow cores. */
const LIMIT_MS = 15 * 60_000;
const LOOK_MS = 5_000;

const TEST_FILE = /\S+\.test\.[cm]?[jt]s\b/;

interface Running {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/**
 * Ends test files that do not end. Node's own `--test-timeout` fails a test, and waits on: for a handle
 * that was left open, for a loop that never lets go, for a child that holds the file's output.
 */
export function limitFiles(limitMs = LIMIT_MS, lookMs = Math.min(LOOK_MS, limitMs / 4)): void {
  const since = new Map<number, number>();
  const look = (): void => {
    const running = processes();
    const files = running.filter(
      ({ parent, command }) => parent === process.pid && TEST_FILE.test(command),
    );
    for (const { pid, command } of files) {
      const began = since.get(pid) ?? performance.now();
      since.set(pid, began);
      if (performance.now() - began < limitMs) continue;
      const [name] = TEST_FILE.exec(command) ?? [];
      const minutes = (limitMs / 60_000).toFixed(1);
      process.stderr.write(`${name} did not end within ${minutes} minutes: it is killed\n`);
      for (const each of [...descendants(pid, running), pid]) kill(each);
    }
  };
  setInterval(look, lookMs).unref();
}

function processes(): Running[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

/** Children before their parents. */
function descendants(of: number, running: readonly Running[]): number[] {
  const children = running.filter(({ parent }) => parent === of).map(({ pid }) => pid);
  return children.flatMap((child) => [...descendants(child, running), child]);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
