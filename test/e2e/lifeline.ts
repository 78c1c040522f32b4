import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';

/** Reads "+ group" and "- group" until the pipe closes: when this process has ended, however it did. */
const WATCHDOG = `groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2> /dev/null; done`;

let watchdog: Socket | undefined;

/**
 * A process that does not outlive this one: not where this one is killed either.
 * @param child spawned `detached`: with all that it starts itself it is a group
 */
export function endWithUs(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  const pipe = (watchdog ??= startWatchdog());
  pipe.write(`+ ${pid}\n`);
  child.once('exit', () => pipe.write(`- ${pid}\n`));
}

function startWatchdog(): Socket {
  const child = spawn('/bin/sh', ['-c', WATCHDOG], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.unref();
  const pipe = child.stdin as Socket;
  pipe.unref();
  return pipe;
}
