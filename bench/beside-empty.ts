import type { BenchSettings } from './bench-case.ts';
import { measurePairs, type Pairs } from './pairs.ts';
import type { BenchDatabase, BenchStore } from './stores/bench-store.ts';
import { measurePosthorn } from './sustained.ts';

/** Of a database with something that may slow it down, in turns with an empty one. */
export function besideEmpty(
  name: string,
  store: BenchStore,
  database: BenchDatabase,
  settings: BenchSettings,
): Promise<Pairs> {
  const beside = async () => {
    await using fresh = await store.fresh();
    return await measurePosthorn(`${store.name}, empty`, fresh, settings);
  };
  const run = () => measurePosthorn(name, database, settings);
  return measurePairs({ name, besideName: 'an empty one beside it', run, beside }, settings);
}
