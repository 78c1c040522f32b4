import type { BenchSettings } from './bench-case.ts';
import { measurePairs, type Comparison, type Pairs } from './pairs.ts';
import type { BenchStore } from './stores/bench-store.ts';
import { measurePosthorn, type PosthornRun, type Shape } from './sustained.ts';

/** Case (a) with another shape beside case (a) itself, each on a fresh database. */
function besideCaseA(
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

/** Of each store. */
export async function storesBesideCaseA(
  what: string,
  settings: BenchSettings,
  shape: Partial<Shape>,
): Promise<Pairs[]> {
  const measured: Pairs[] = [];
  for (const store of settings.stores) {
    const comparison = besideCaseA(`${store.name}, ${what}`, store, settings, shape);
    measured.push(await measurePairs(comparison, settings));
  }
  return measured;
}
