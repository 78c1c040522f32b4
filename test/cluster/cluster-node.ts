import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PosthornProcess } from '../e2e/posthorn-process.ts';
import { TcpProxy } from '../postgres/tcp-proxy.ts';

/** Tells the process's id, which stays the same. */
const TELL_PID = 'echo $$ > "$0"; exec "$@"';

export interface ClusterNodeOptions {
  /** For its connections: PostgreSQL shows it as their application's name. */
  readonly name: string;
  readonly databaseUrl: string;
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Given where something has to be done to its connections before it makes the first one. */
  readonly prepare?: ((proxy: TcpProxy) => void) | undefined;
}

/** A server process that shares a database with others, on its own way there. */
export class ClusterNode implements AsyncDisposable {
  readonly name: string;
  readonly process: PosthornProcess;
  readonly proxy: TcpProxy;
  readonly #pid: number;

  private constructor(name: string, server: PosthornProcess, proxy: TcpProxy, pid: number) {
    this.name = name;
    this.process = server;
    this.proxy = proxy;
    this.#pid = pid;
  }

  static async start(options: ClusterNodeOptions): Promise<ClusterNode> {
    const { name, directory, env } = options;
    const proxy = await TcpProxy.start(`${options.databaseUrl}?application_name=${name}`);
    options.prepare?.(proxy);
    const pidFile = join(directory, `${name}.pid`);
    try {
      const server = await PosthornProcess.start({
        directory,
        env: { ...env, DATABASE_URL: proxy.url },
        wrapper: ['/bin/sh', '-c', TELL_PID, pidFile],
      });
      return new ClusterNode(name, server, proxy, Number(await readFile(pidFile, 'utf8')));
    } catch (error) {
      await proxy[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return this.process.url;
  }

  call(...of: Parameters<PosthornProcess['call']>): ReturnType<PosthornProcess['call']> {
    return this.process.call(...of);
  }

  freeze(): void {
    process.kill(this.#pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.#pid, 'SIGCONT');
  }

  /** Ends it, and its way to the database once it has. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const code = await this.process.end(signal);
    await this.proxy[Symbol.asyncDispose]();
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.end('SIGKILL');
    await this.proxy[Symbol.asyncDispose]();
  }
}
