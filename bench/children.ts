import { fork, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const living = new Set<ChildProcess>();
const directories = new Set<string>();

/** However the benchmark ends, nothing of it stays: no process, no file. */
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
  for (const directory of directories) remove(directory);
});
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

/** Sees to it that the child ends with the benchmark, however that ends. */
export function endsWithBench(child: ChildProcess): ChildProcess {
  living.add(child);
  child.once('exit', () => living.delete(child));
  return child;
}

export function childProcessIds(): number[] {
  return [...living].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
}

/** A new directory in `parent`; `using` removes it. */
export function temporaryDirectory(parent: string): Disposable & { readonly path: string } {
  mkdirSync(parent, { recursive: true });
  const path = mkdtempSync(join(parent, 'bench-'));
  directories.add(path);
  return {
    path,
    [Symbol.dispose]: () => {
      remove(path);
      directories.delete(path);
    },
  };
}

/** Again where it is not empty yet: a process that was killed just now may have been writing. */
function remove(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
}

/** Kills the child, if it lives, and waits for its end. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}

/** Said by a process that listens. */
export interface Listening {
  readonly origin: string;
}

/** One of the benchmark's own processes: takes orders one after another and reports on each. */
export class BenchChild<Order extends object, Ready = object> implements AsyncDisposable {
  /** What it said when it was ready. */
  readonly ready: Ready;
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess, ready: Ready) {
    this.#process = child;
    this.ready = ready;
  }

  /** @param file its program in this directory */
  static start<Order extends object, Ready = object>(
    file: string,
    ...args: readonly string[]
  ): Promise<BenchChild<Order, Ready>> {
    return BenchChild.startWith([], file, ...args);
  }

  /** @param flags of Node, beside those of the benchmark */
  static async startWith<Order extends object, Ready = object>(
    flags: readonly string[],
    file: string,
    ...args: readonly string[]
  ): Promise<BenchChild<Order, Ready>> {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const execArgv = [...process.execArgv, ...flags];
    const child = endsWithBench(fork(path, args, { execArgv, serialization: 'advanced' }));
    return new BenchChild(child, (await nextReport(child)) as Ready);
  }

  /** Beside the reports, whenever they come. */
  onSample(told: (sample: unknown) => void): void {
    this.#process.on('message', (message) => {
      if (isSample(message)) told(message.sample);
    });
  }

  order<Report>(order: Order): Promise<Report> {
    const report = nextReport(this.#process);
    this.#process.send(order);
    return report as Promise<Report>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await kill(this.#process);
  }
}

function nextReport(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error(`${child.spawnargs.join(' ')} ended early`));
    const onMessage = (message: unknown): void => {
      if (isSample(message)) return;
      child.off('exit', onExit);
      child.off('message', onMessage);
      resolve(message);
    };
    child.once('exit', onExit);
    child.on('message', onMessage);
  });
}

function isSample(message: unknown): message is { readonly sample: unknown } {
  return typeof message === 'object' && message !== null && 'sample' in message;
}
