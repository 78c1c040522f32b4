import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endsWithBench, kill, temporaryDirectory } from './children.ts';
import type { Target } from './keep-alive-client.ts';
import type { BenchDatabase } from './stores/bench-store.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What `npm run posthorn` runs: the flags of Node belong to it. */
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: { posthorn: string };
};
export const [, ...FLAGS] = scripts.posthorn.split(' ').slice(0, -1);
const MAIN = join(ROOT, 'src/main.ts');

const API_KEY = 'bench-key-0123456789abcdef';
const STOP_MS = 30_000;
const CREATED_AT_ONCE = 32;

/**
 * Posthorn as a user starts it: `serve --dev`, every setting at its default but the port, the
 * database and the key.
 */
export class Posthorn implements AsyncDisposable {
  /** In milliseconds since 1970: everything that it accepts is from later. */
  readonly startedAt: number;
  readonly #url: string;
  readonly #child: ChildProcess;
  readonly #directory: Disposable;

  private constructor(child: ChildProcess, url: string, startedAt: number, directory: Disposable) {
    this.#child = child;
    this.#url = url;
    this.startedAt = startedAt;
    this.#directory = directory;
  }

  static async start(database: BenchDatabase): Promise<Posthorn> {
    const startedAt = Date.now();
    const directory = temporaryDirectory(tmpdir());
    const child = endsWithBench(
      spawn(process.execPath, [...FLAGS, MAIN, 'serve', '--dev'], {
        // Not where a .env might lie, and nothing of this shell's settings.
        cwd: directory.path,
        env: {
          PATH: process.env['PATH'],
          PORT: '0',
          DATABASE_URL: database.url,
          POSTHORN_API_KEY: API_KEY,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    return new Posthorn(child, await listening(child), startedAt, directory);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('Posthorn has no process');
    return this.#child.pid;
  }

  get events(): Target {
    const headers = { authorization: `Bearer ${API_KEY}` };
    return { origin: this.#url, path: '/api/v1/events', headers };
  }

  /** At user level without a campaign, else for that campaign. Resolves with the webhook's id. */
  async createWebhook(webhookUrl: string, campaignId?: number): Promise<number> {
    const { id } = await this.#call('POST', 'webhook/create', {
      webhook_url: webhookUrl,
      association_type: campaignId === undefined ? 1 : 3,
      email_campaign_id: campaignId,
    });
    return id;
  }

  /**
   * Some at a time.
   * @param campaignId of the one with this number; left out: at user level
   * @returns their ids
   */
  async createWebhooks(
    count: number,
    origin: string,
    campaignId?: (i: number) => number,
  ): Promise<number[]> {
    const ids: number[] = [];
    for (let i = 0; i < count; i += CREATED_AT_ONCE) {
      const some = Array.from({ length: Math.min(CREATED_AT_ONCE, count - i) }, (_, at) =>
        this.createWebhook(`${origin}/${i + at}`, campaignId?.(i + at)),
      );
      ids.push(...(await Promise.all(some)));
    }
    return ids;
  }

  /** What is accepted for it waits from then on, or what waits is sent. */
  async switchWebhook(id: number, to: 'pause' | 'resume'): Promise<void> {
    await this.#call('POST', `webhook/${id}/${to}`);
  }

  async deleteWebhook(id: number): Promise<void> {
    await this.#call('DELETE', `webhook/delete/${id}`);
  }

  /** As an operator stops it. What is in flight is recorded then. */
  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    const [code, signal] = (await exited) as [number | null, NodeJS.Signals | null];
    clearTimeout(timer);
    if (code !== 0) throw new Error(`Posthorn did not stop as it should: ${code ?? signal}`);
  }

  async #call(method: string, path: string, body?: object): Promise<{ id: number }> {
    const response = await fetch(`${this.#url}/api/v1/${path}?api_key=${API_KEY}`, {
      method,
      ...(body && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    if (!response.ok) throw new Error(`${method} ${path} failed: ${await response.text()}`);
    return (await response.json()) as { id: number };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await kill(this.#child);
    this.#directory[Symbol.dispose]();
  }
}

/** Resolves with the URL. Goes on reading what is printed: nobody is to wait for a full pipe. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = '';
    child.once('exit', () => reject(new Error(`Posthorn did not start:\n${printed}`)));
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      if (printed.length > 4_096) return;
      printed += chunk;
      const url = /listens on (http:\/\/\S+)/.exec(printed)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
}
