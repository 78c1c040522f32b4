import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, openSync, closeSync, readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from '../free-port.ts';
import { findBinaries, unprivilegedUser, type RunsAs } from './postgres-binaries.ts';

const START_LIMIT_MS = 30_000;
const USER = 'posthorn';

/** `fast` breaks connections and shuts down in order; `immediate` is what a power cut leaves. */
export type StopMode = 'fast' | 'immediate';

const SIGNALS: Readonly<Record<StopMode, NodeJS.Signals>> = {
  fast: 'SIGINT',
  immediate: 'SIGQUIT',
};

/** As a server that has its data at heart; the rest is there to make it small and to find faults. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  max_connections: '200',
  shared_buffers: '64MB',
  log_line_prefix: '%m [%p] %a ',
};

/** Where a server lies that is not as the tests want it, and what is set otherwise. */
export interface ServerPlace {
  readonly directory?: string;
  readonly settings?: Readonly<Record<string, string>>;
}

/** The tests themselves come in without a password; roles that a test makes need theirs. */
const ACCESS = `host all ${USER} 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
`;

/**
 * A throwaway server on a free port of loopback. It ends with this process, however that ends: a
 * watchdog reads a pipe from it, and stops the server and removes its files when the pipe closes.
 */
export class PostgresServer {
  readonly port: number;
  /** With all of its files. */
  readonly directory: string;
  readonly #binaries: string;
  readonly #user: RunsAs;
  readonly #settings: Readonly<Record<string, string>>;
  #process: ChildProcess | undefined;

  private constructor(
    binaries: string,
    directory: string,
    user: RunsAs,
    settings: Readonly<Record<string, string>>,
  ) {
    this.#binaries = binaries;
    this.directory = directory;
    this.#user = user;
    this.#settings = settings;
    this.port = Number(settings['port']);
  }

  /** @param binaries where `initdb` and `postgres` are; found by itself if left out */
  static async start(binaries?: string, place: ServerPlace = {}): Promise<PostgresServer> {
    const user = unprivilegedUser();
    const directory = mkdtempSync(join(place.directory ?? tmpdir(), 'posthorn-postgres-'));
    watchOver(directory);
    if (user.uid !== undefined) chownSync(directory, user.uid, user.gid ?? user.uid);
    const found = binaries ?? findBinaries(user, directory);
    const settings = { ...SETTINGS, ...place.settings, port: String(await freePort()) };
    const server = new PostgresServer(found, directory, user, settings);
    server.#makeCluster();
    await server.start();
    return server;
  }

  url(database: string): string {
    return `postgres://${USER}@127.0.0.1:${this.port}/${database}`;
  }

  /** Of the process whose children serve the sessions; undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get log(): string {
    return readFileSync(join(this.directory, 'log'), 'utf8');
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const settings = Object.entries(this.#settings);
    const log = openSync(join(this.directory, 'log'), 'a');
    const child = spawn(
      join(this.#binaries, 'postgres'),
      ['-D', this.#data, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      { ...this.#user, cwd: this.directory, stdio: ['ignore', log, log], detached: true },
    );
    closeSync(log);
    child.unref();
    this.#process = child;
    await this.#untilItAnswers(child);
  }

  async stop(mode: StopMode): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null) return;
    child.ref();
    child.kill(SIGNALS[mode]);
    await once(child, 'exit');
  }

  async restart(mode: StopMode): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  /** Makes it stop answering, as a machine that hangs: the processes of its sessions, all at once. */
  signalSessions(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const { pid } = this.#process ?? {};
    if (pid === undefined) return;
    const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
    for (const line of [String(pid), ...stdout.trim().split(/\s+/)]) {
      process.kill(Number(line), signal);
    }
  }

  get #data(): string {
    return join(this.directory, 'data');
  }

  #makeCluster(): void {
    const { status, stderr } = spawnSync(
      join(this.#binaries, 'initdb'),
      ['-D', this.#data, '-U', USER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
      { ...this.#user, cwd: this.directory, encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
    writeFileSync(join(this.#data, 'pg_hba.conf'), ACCESS);
  }

  async #untilItAnswers(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + START_LIMIT_MS;
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`PostgreSQL ended at its start:\n${this.log}`);
      }
      const client = new pg.Client(this.url('postgres'));
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.end();
        return;
      } catch (error) {
        if (Date.now() > deadline) throw new Error('PostgreSQL did not start', { cause: error });
        await sleep(20);
      }
    }
  }
}

/** Reads until the pipe closes, which happens at the latest when the other side is gone. */
const WATCHDOG = `cat > /dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2> /dev/null)
if [ -n "$pid" ]; then
  kill -s CONT -- "-$pid" 2> /dev/null
  kill -QUIT "$pid" 2> /dev/null
  for _ in $(seq 100); do kill -0 "$pid" 2> /dev/null && sleep 0.05; done
fi
rm -rf "$1"`;

function watchOver(directory: string): void {
  const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, 'watchdog', directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watchdog.unref();
  (watchdog.stdin as Socket | null)?.unref();
}
