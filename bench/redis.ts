import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as passed } from 'node:timers/promises';
import { temporaryDirectory } from './children.ts';
import { countAsOwn } from './others-use.ts';
import { freePort } from '../test/free-port.ts';

const START_LIMIT_MS = 10_000;
const LOOK_MS = 20;

/**
 * As durable as the other stores: what was answered is on the disk. No snapshots beside that, which
 * would only cost time; everything else is Redis's default.
 */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];

/**
 * Runs the server until the pipe that it reads closes, which happens at the latest when the benchmark
 * is gone, also where that is killed.
 */
const WATCHDOG = `directory=$1
shift
"$@" > /dev/null 2> /dev/null & pid=$!
cat > /dev/null
kill -KILL "$pid"
wait "$pid"
rm -rf "$directory"`;

/** The program: what REDIS_SERVER names, else the one of the PATH; undefined where it does not run. */
export function redisProgram(): string | undefined {
  const program = process.env['REDIS_SERVER'] || 'redis-server';
  return spawnSync(program, ['--version']).status === 0 ? program : undefined;
}

/** A throwaway server on a free port of loopback. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
}

/** @param directory where its files lie, in one of their own that goes with it */
export async function startRedis(program: string, directory: string): Promise<RedisServer> {
  const files = temporaryDirectory(directory);
  const port = await freePort();
  const place = ['--bind', '127.0.0.1', '--port', String(port), '--dir', files.path];
  const command = [program, ...place, ...DURABLE];
  const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, 'watchdog', files.path, ...command], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A Ctrl-C of the terminal is for the benchmark: that closes the pipe then.
    detached: true,
  });
  const own = countAsOwn(watchdog.pid ?? Number.NaN);
  await untilItListens(port);
  return {
    url: `redis://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      const ended = once(watchdog, 'exit');
      watchdog.stdin.end();
      await ended;
      own[Symbol.dispose]();
      files[Symbol.dispose]();
    },
  };
}

async function untilItListens(port: number): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  while (!(await listens(port))) {
    if (performance.now() > deadline) throw new Error('Redis did not start');
    await passed(LOOK_MS);
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
