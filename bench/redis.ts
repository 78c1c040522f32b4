import { spawnSync } from 'node:child_process';
import { startServer } from './throwaway-server.ts';

/**
 * As durable as the other stores: what was answered is on the disk. No snapshots beside that, which
 * would only cost time; everything else is Redis's default.
 */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];

/** The program: what REDIS_SERVER names, else the one of the PATH; undefined where it does not run. */
export function redisProgram(): string | undefined {
  const program = process.env['REDIS_SERVER'] || 'redis-server';
  return spawnSync(program, ['--version']).status === 0 ? program : undefined;
}

/** @param directory where its files lie, in one of their own that goes with it */
export async function startRedis(
  program: string,
  directory: string,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = await startServer('Redis', directory, ({ port, files }) => {
    const place = ['--bind', '127.0.0.1', '--port', String(port), '--dir', files];
    return [program, ...place, ...DURABLE];
  });
  return { ...server, url: `redis://127.0.0.1:${server.port}` };
}
