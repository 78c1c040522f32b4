import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { redisProgram, startRedis } from './redis.ts';
import type { BenchStore } from './stores/bench-store.ts';

const INSTALLED = fileURLToPath(new URL('peers/node_modules/.package-lock.json', import.meta.url));

/** A store of its own for a measurement. */
interface PeerDatabase extends AsyncDisposable {
  readonly url: string;
}

/** What a team would write by hand in Posthorn's place. */
export interface Peer {
  readonly name: string;
  /** As `peers/main.ts` calls it. */
  readonly library: string;
  /** Whether each request stores its job by itself, or those that wait at once store theirs together. */
  readonly intake: 'one-by-one' | 'gathered';
  fresh(): Promise<PeerDatabase>;
}

/**
 * Those that can be had here.
 * @param postgres the server that Posthorn is measured on; its tables are there too, and empty
 * @param missing is told of one that cannot
 * @throws Error where their package is not installed
 */
export function findPeers(
  directory: string,
  postgres: BenchStore,
  missing: (line: string) => void,
): Peer[] {
  if (!existsSync(INSTALLED)) throw new Error('--peers needs them: npm ci --prefix bench/peers');
  const onPostgres = (): Promise<PeerDatabase> => postgres.fresh();
  const redis = redisProgram();
  if (redis === undefined) {
    missing(
      'BullMQ is left out: no redis-server runs here (Debian: apt-get install redis-server; or REDIS_SERVER names one)',
    );
  }
  return [
    ...(redis === undefined
      ? []
      : bothIntakes('BullMQ on Redis', 'bullmq', () => startRedis(redis, directory))),
    ...bothIntakes('pg-boss', 'pg-boss', onPostgres),
    ...bothIntakes('graphile-worker', 'graphile-worker', onPostgres),
  ];
}

function bothIntakes(name: string, library: string, fresh: Peer['fresh']): Peer[] {
  return [
    { name, library, intake: 'one-by-one', fresh },
    { name: `${name}, gathered`, library, intake: 'gathered', fresh },
  ];
}
