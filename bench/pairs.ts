import type { BenchSettings, CaseResult } from './bench-case.ts';
import { percent, ratioText, spreadCells, table, whole } from './format.ts';
import { spread } from './statistics.ts';
import { runText, type PosthornRun } from './sustained.ts';

/** What is asked about, and what it is compared with. */
export interface Comparison {
  readonly name: string;
  readonly besideName: string;
  readonly run: () => Promise<PosthornRun>;
  readonly beside: () => Promise<PosthornRun>;
}

/** Measured in turns: what the machine does meanwhile falls on both. */
export interface Pairs {
  readonly name: string;
  readonly besideName: string;
  readonly repeats: readonly { readonly run: PosthornRun; readonly beside: PosthornRun }[];
}

export async function measurePairs(
  { name, besideName, run, beside }: Comparison,
  settings: BenchSettings,
): Promise<Pairs> {
  const repeats: Pairs['repeats'][number][] = [];
  for (let i = 1; i <= settings.repeats; i += 1) {
    const pair = { beside: await beside(), run: await run() };
    const ratio = pair.run.perSecond / pair.beside.perSecond;
    settings.print(
      `  ${i}. ${name}: ${whole(pair.run.perSecond)}/s, ${besideName} ` +
        `${whole(pair.beside.perSecond)}/s, ratio ${ratioText(ratio)}; ${runText(pair.run)}; others ` +
        `used ${percent(pair.beside.usedByOthers)} and ${percent(pair.run.usedByOthers)} of the machine`,
    );
    repeats.push(pair);
  }
  return { name, besideName, repeats };
}

export function pairsResult(measured: readonly Pairs[]): CaseResult {
  const figures = measured.map(({ name, besideName, repeats }) => {
    const run = spread(repeats.map((pair) => pair.run.perSecond));
    const beside = spread(repeats.map((pair) => pair.beside.perSecond));
    const ratio = spread(repeats.map((pair) => pair.run.perSecond / pair.beside.perSecond));
    const ratioOfMedians = run.median / beside.median;
    return { name, besideName, run, beside, ratio, ratioOfMedians, repeats };
  });
  const runs = measured.flatMap(({ repeats }) =>
    repeats.flatMap(({ run, beside }) => [beside, run]),
  );
  const usedByOthers = spread(runs.map((run) => run.usedByOthers));
  return {
    summary: table([
      ['deliveries recorded/s', 'median', 'min', 'max'],
      ...figures.flatMap(({ name, besideName, run, beside, ratio, ratioOfMedians }) => [
        [name, ...spreadCells(run, whole)],
        [`  ${besideName}`, ...spreadCells(beside, whole)],
        ['  ratio in each repeat', ...spreadCells(ratio, ratioText)],
        ['  ratio of the medians', ratioText(ratioOfMedians)],
      ]),
      ['used by other programs', ...spreadCells(usedByOthers, percent)],
    ]),
    figures: { measured: figures, usedByOthers },
    faults: runs.flatMap(({ faults }) => faults),
  };
}
