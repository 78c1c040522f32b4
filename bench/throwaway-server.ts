import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as passed } from 'node:timers/promises';
import { freePort } from '../test/free-port.ts';
import { temporaryDirectory } from './children.ts';
import { countAsOwn } from './others-use.ts';

const START_LIMIT_MS = 10_000;
const LOOK_MS = 20;

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

/** Where a server is to listen, on loopback, and where its files are to lie. */
export interface Place {
  readonly port: number;
  readonly files: string;
}

/**
 * Starts somebody else's program, which ends when it is disposed of, with its files.
 * @param command by its place; must stay in the foreground
 */
export async function startServer(
  name: string,
  directory: string,
  command: (place: Place) => readonly string[],
): Promise<AsyncDisposable & Place> {
  const files = temporaryDirectory(directory);
  const place = { port: await freePort(), files: files.path };
  const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, 'watchdog', files.path, ...command(place)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A Ctrl-C of the terminal is for the benchmark: that closes the pipe then.
    detached: true,
  });
  const own = countAsOwn(watchdog.pid ?? Number.NaN);
  const ended = once(watchdog, 'exit');
  const end = async (): Promise<void> => {
    watchdog.stdin.end();
    await ended;
    own[Symbol.dispose]();
    files[Symbol.dispose]();
  };
  try {
    await untilItListens(name, place.port);
  } catch (error) {
    await end();
    throw error;
  }
  return { ...place, [Symbol.asyncDispose]: end };
}

async function untilItListens(name: string, port: number): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  while (!(await listens(port))) {
    if (performance.now() > deadline) throw new Error(`${name} did not start`);
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
