import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endsWithBench, kill } from './children.ts';
import type { Target } from './keep-alive-client.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What `npm run posthorn` runs: the flags of Node belong to it. */
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: { posthorn: string };
};
const [, ...FLAGS] = scripts.posthorn.split(' ').slice(0, -1);
const MAIN = join(ROOT, 'src/main.ts');

const API_KEY = 'bench-key-0123456789abcdef';
const STOP_MS = 30_000;

/**
 * Posthorn as a user starts it: `serve --dev`, every setting at its default but the port, the
 * database and the key.
 */
export class Posthorn implements AsyncDisposable {
  readonly databaseFile: string;
  readonly #url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string, databaseFile: string) {
    this.#child = child;
    this.#url = url;
    this.databaseFile = databaseFile;
  }

  static async start(directory: string): Promise<Posthorn> {
    const databaseFile = join(directory, 'posthorn.db');
    const child = endsWithBench(
      spawn(process.execPath, [...FLAGS, MAIN, 'serve', '--dev'], {
        // Not where a .env might lie, and nothing of this shell's settings.
        cwd: directory,
        env: {
          PATH: process.env['PATH'],
          PORT: '0',
          DATABASE_URL: `sqlite:${databaseFile}`,
          POSTHORN_API_KEY: API_KEY,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    return new Posthorn(child, await listening(child), databaseFile);
  }

  get events(): Target {
    const headers = { authorization: `Bearer ${API_KEY}` };
    return { origin: this.#url, path: '/api/v1/events', headers };
  }

  /** At user level without a campaign, else for that campaign. */
  async createWebhook(webhookUrl: string, campaignId?: number): Promise<void> {
    const response = await fetch(`${this.#url}/api/v1/webhook/create?api_key=${API_KEY}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        webhook_url: webhookUrl,
        association_type: campaignId === undefined ? 1 : 3,
        email_campaign_id: campaignId,
      }),
    });
    if (!response.ok) throw new Error(`No webhook was made: ${await response.text()}`);
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

  async [Symbol.asyncDispose](): Promise<void> {
    await kill(this.#child);
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
