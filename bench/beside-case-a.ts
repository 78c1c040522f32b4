import type { BenchSettings } from './bench-case.ts';
import type { Comparison } from './pairs.ts';
import type { BenchStore } from './stores/bench-store.ts';
import { measurePosthorn, type PosthornRun, type Shape } from './sustained.ts';

/** Case (a) with another shape beside case (a) itself, each on a fresh database. */
export function besideCaseA(
  name: string,
  store: BenchStore,
  settings: BenchSettings,
  shape: Partial<Shape>,
): Comparison {
  const onFresh = async (runName: string, runShape: Partial<Shape>): Promise<PosthornRun> => {
    await using database = await store.fresh();
    return await measurePosthorn(runName, database, settings, runShape);
  };
  return {
    name,
    besideName: 'case (a) beside it',
    run: () => onFresh(name, shape),
    beside: () => onFresh(`${store.name}, case (a)`, {}),
  };
}
