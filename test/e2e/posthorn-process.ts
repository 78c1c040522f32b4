import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { endWithUs } from './lifeline.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const START_TIMEOUT_MS = 30_000;
/** Far above what an answer or an end may take: a test that waits in vain has to end too. */
const ANSWER_TIMEOUT_MS = 60_000;

export const API_KEY = 'test-key-0123456789abcdef';

export interface StartOptions {
  readonly directory: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** A command that runs the server's, such as a tracer. */
  readonly wrapper?: readonly string[];
}

/** The real server as a process of its own, on a free port of loopback. */
export class PosthornProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #output: { text: string };
  readonly #wrapped: boolean;

  private constructor(
    child: ChildProcess,
    url: string,
    output: { text: string },
    wrapped: boolean,
  ) {
    this.#child = child;
    this.url = url;
    this.#output = output;
    this.#wrapped = wrapped;
  }

  static async start(options: StartOptions): Promise<PosthornProcess> {
    const { child, output } = spawnServer(options);
    const url = await new Promise<string>((resolve, reject) => {
      const failed = (why: string): void => {
        child.kill('SIGKILL');
        reject(new Error(`${why}:\n${output.text}`));
      };
      const timer = setTimeout(() => failed('The server did not start'), START_TIMEOUT_MS);
      child.once('exit', (code, signal) => failed(`The server ended (${code ?? signal})`));
      child.stdout?.on('data', () => {
        const found = /listens on (http:\/\/\S+)/.exec(output.text)?.[1];
        if (!found) return;
        clearTimeout(timer);
        child.removeAllListeners('exit');
        resolve(found);
      });
    });
    return new PosthornProcess(child, url, output, options.wrapper !== undefined);
  }

  /** Runs the server until it ends by itself: for starts that must fail. */
  static async run(options: StartOptions): Promise<{ code: number | null; output: string }> {
    const { child, output } = spawnServer(options);
    const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
    await once(child, 'close');
    clearTimeout(timer);
    return { code: child.exitCode, output: output.text };
  }

  /** Everything printed so far, to standard output and standard error. */
  get output(): string {
    return this.#output.text;
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const closed = once(this.#child, 'close');
      process.kill(this.#serverPid(), signal);
      await closed;
    }
    return this.#child.exitCode;
  }

  /** A tracer passes no signals on, and a server whose tracer is killed runs on: its only child is meant. */
  #serverPid(): number {
    const pid = this.#child.pid ?? -1;
    if (!this.#wrapped) return pid;
    const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
    return Number(stdout.trim()) || pid;
  }

  /** Resolves with the exit code when the server has ended by itself. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await once(this.#child, 'close', { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    }
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Calls the API; the answer's body as JSON. */
  async call(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; headers: Headers; json: Record<string, unknown> }> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      headers: {
        authorization: `Bearer ${API_KEY}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json = (await response.json()) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, json };
  }
}

function spawnServer({ directory, env = {}, args = ['--dev'], wrapper = [] }: StartOptions): {
  child: ChildProcess;
  output: { text: string };
} {
  const command = [...wrapper, process.execPath, MAIN, 'serve', ...args];
  const child = spawn(command[0] ?? '', command.slice(1), {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      POSTHORN_API_KEY: API_KEY,
      ...env,
    },
  });
  endWithUs(child);
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => (output.text += chunk));
  }
  return { child, output };
}
