import type { BenchSettings, CaseResult } from './bench-case.ts';
import { percent, ratioText, spreadCells, table, whole } from './format.ts';
import { spread } from './statistics.ts';
import type { BenchDatabase, BenchStore } from './stores/bench-store.ts';
import { measurePosthorn, runText, type PosthornRun } from './sustained.ts';

interface Repeat {
  readonly empty: PosthornRun;
  readonly burdened: PosthornRun;
}

/** Of a database with something that may slow it down, in turns with an empty one. */
export interface BesideEmpty {
  readonly name: string;
  readonly repeats: readonly Repeat[];
}

export async function besideEmpty(
  name: string,
  store: BenchStore,
  database: BenchDatabase,
  settings: BenchSettings,
): Promise<BesideEmpty> {
  const repeats: Repeat[] = [];
  for (let i = 1; i <= settings.repeats; i += 1) {
    await using fresh = await store.fresh();
    const empty = await measurePosthorn(`${store.name}, empty`, fresh, settings);
    const burdened = await measurePosthorn(name, database, settings);
    settings.print(
      `  ${i}. ${name}: ${whole(burdened.perSecond)}/s, empty ${whole(empty.perSecond)}/s, ratio ` +
        `${ratioText(burdened.perSecond / empty.perSecond)}; ${runText(burdened)}; others used ` +
        `${percent(empty.usedByOthers)} and ${percent(burdened.usedByOthers)} of the machine`,
    );
    repeats.push({ empty, burdened });
  }
  return { name, repeats };
}

export function besideEmptyResult(measured: readonly BesideEmpty[]): CaseResult {
  const figures = measured.map(({ name, repeats }) => {
    const empty = spread(repeats.map((repeat) => repeat.empty.perSecond));
    const burdened = spread(repeats.map((repeat) => repeat.burdened.perSecond));
    const ratio = spread(repeats.map((one) => one.burdened.perSecond / one.empty.perSecond));
    return {
      name,
      empty,
      burdened,
      ratio,
      ratioOfMedians: burdened.median / empty.median,
      repeats,
    };
  });
  const runs = measured.flatMap(({ repeats }) =>
    repeats.flatMap((repeat) => [repeat.empty, repeat.burdened]),
  );
  const usedByOthers = spread(runs.map((run) => run.usedByOthers));
  return {
    summary: table([
      ['deliveries recorded/s', 'median', 'min', 'max'],
      ...figures.flatMap(({ name, empty, burdened, ratio, ratioOfMedians }) => [
        [name, ...spreadCells(burdened, whole)],
        ['  an empty one beside it', ...spreadCells(empty, whole)],
        ['  ratio in each repeat', ...spreadCells(ratio, ratioText)],
        ['  ratio of the medians', ratioText(ratioOfMedians)],
      ]),
      ['used by other programs', ...spreadCells(usedByOthers, percent)],
    ]),
    figures: { measured: figures, usedByOthers },
    faults: runs.flatMap(({ faults }) => faults),
  };
}
