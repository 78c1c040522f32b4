import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { startApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { Log } from '../../src/telemetry/log.ts';

type Environment = Readonly<Record<string, string>>;

/**
 * A server in a thread of its own: stopped within a time of the caller's choice, and ended with the
 * thread, whatever it still tries then.
 */
export class AppThread implements AsyncDisposable {
  readonly url: string;
  readonly #worker: Worker;

  private constructor(worker: Worker, url: string) {
    this.#worker = worker;
    this.url = url;
  }

  static async start(environment: Environment): Promise<AppThread> {
    const worker = new Worker(new URL(import.meta.url), { workerData: environment });
    const [url] = (await once(worker, 'message')) as [string];
    return new AppThread(worker, url);
  }

  /** @returns the lines of its log */
  async stop(withinMs: number): Promise<readonly string[]> {
    const stopped = once(this.#worker, 'message');
    this.#worker.postMessage(withinMs, []);
    const [lines] = (await stopped) as [readonly string[]];
    return lines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

if (parentPort) await serveUntilStopped(parentPort, workerData as Environment);

async function serveUntilStopped(
  port: NonNullable<typeof parentPort>,
  environment: Environment,
): Promise<void> {
  const lines: string[] = [];
  const log = new Log('info', { write: (line) => void lines.push(line) });
  const app = await startApp(readConfig(environment, { dev: true }), log);
  port.postMessage(app.url);
  const [withinMs] = (await once(port, 'message')) as [number];
  await app.stop(withinMs);
  port.postMessage(lines);
}
