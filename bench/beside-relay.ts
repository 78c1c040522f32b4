import type { BenchSettings, CaseResult } from './bench-case.ts';
import { percent, ratioText, spreadCells, table, whole } from './format.ts';
import { measurePeer, peerRunText, type PeerRun } from './peer-run.ts';
import { peerFigures, peerTable, type BesidePeer } from './peer-summary.ts';
import { spread } from './statistics.ts';
import type { BenchDatabase } from './stores/bench-store.ts';
import { runText, type DeliveryRun, type Run } from './sustained.ts';

interface Repeat {
  readonly relay: Run;
  /** By the store's name. */
  readonly posthorn: Readonly<Record<string, DeliveryRun>>;
  /** By the peer's name. */
  readonly peers: Readonly<Record<string, PeerRun>>;
}

/** How a throughput is measured. */
export interface Measures {
  relay(settings: BenchSettings): Promise<Run>;
  posthorn(name: string, database: BenchDatabase, settings: BenchSettings): Promise<DeliveryRun>;
}

/** The relay, each store, each peer, in turns: what the machine does meanwhile falls on all. */
export async function besideRelay(
  settings: BenchSettings,
  measures: Measures,
): Promise<CaseResult> {
  const repeats: Repeat[] = [];
  for (let i = 1; i <= settings.repeats; i += 1) {
    const repeat = await measure(settings, measures);
    settings.print(`  ${i}. ${repeatText(repeat)}`);
    for (const [name, run] of Object.entries(repeat.peers)) {
      settings.print(`     ${peerRunText(name, run)}`);
    }
    repeats.push(repeat);
  }
  return resultOf(repeats, settings);
}

async function measure(settings: BenchSettings, measures: Measures): Promise<Repeat> {
  const relay = await measures.relay(settings);
  const posthorn: Record<string, DeliveryRun> = {};
  for (const store of settings.stores) {
    await using database = await store.fresh();
    posthorn[store.name] = await measures.posthorn(store.name, database, settings);
  }
  const peers: Record<string, PeerRun> = {};
  for (const peer of settings.peers) peers[peer.name] = await measurePeer(peer, settings);
  return { relay, posthorn, peers };
}

function repeatText({ relay, posthorn }: Repeat): string {
  const texts = Object.entries(posthorn).map(
    ([name, run]) =>
      `${name} ${whole(run.perSecond)}/s, ratio ${ratioText(run.perSecond / relay.perSecond)}, ` +
      runText(run),
  );
  const use = [relay, ...Object.values(posthorn)].map((run) => percent(run.usedByOthers));
  return (
    `relay ${whole(relay.perSecond)}/s; ${texts.join('; ')}; ` +
    `others used ${use.join(', ')} of the machine`
  );
}

function resultOf(repeats: readonly Repeat[], { stores, peers }: BenchSettings): CaseResult {
  const relay = spread(repeats.map((repeat) => repeat.relay.perSecond));
  const figures = stores.map(({ name }) => {
    const runs = repeats.flatMap(({ posthorn }) => posthorn[name] ?? []);
    const perSecond = spread(runs.map((run) => run.perSecond));
    return {
      store: name,
      perSecond,
      ratio: spread(runs.map((run, i) => run.perSecond / (repeats[i]?.relay.perSecond ?? NaN))),
      ratioOfMedians: perSecond.median / relay.median,
      waiting: spread(runs.map((run) => run.waiting)),
    };
  });
  const beside = peers.map(({ name }) => peerFigures(name, besidePeer(repeats, name)));
  const runs = repeats.flatMap((repeat) => [
    repeat.relay,
    ...Object.values(repeat.posthorn),
    ...Object.values(repeat.peers),
  ]);
  const usedByOthers = spread(runs.map((run) => run.usedByOthers));
  return {
    summary: [
      ...table([
        ['', 'median', 'min', 'max'],
        ['bare relay, events/s', ...spreadCells(relay, whole)],
        ...figures.flatMap(({ store, perSecond, ratio, ratioOfMedians, waiting }) => [
          [`${store}, deliveries recorded/s`, ...spreadCells(perSecond, whole)],
          ['  ratio in each repeat', ...spreadCells(ratio, ratioText)],
          ['  ratio of the medians', ratioText(ratioOfMedians)],
          ['  waiting at the end of the load', ...spreadCells(waiting, percent)],
        ]),
        ['used by other programs', ...spreadCells(usedByOthers, percent)],
      ]),
      ...(beside.length > 0 ? ['', ...peerTable(beside)] : []),
    ],
    figures: { relay, stores: figures, peers: beside, usedByOthers, repeats },
    faults: runs.flatMap(({ faults }) => faults),
  };
}

function besidePeer(repeats: readonly Repeat[], name: string): BesidePeer[] {
  return repeats.flatMap(({ posthorn, peers }) => {
    const run = peers[name];
    if (!run) return [];
    const rates = Object.entries(posthorn).map(([store, { perSecond }]) => [store, perSecond]);
    return [{ posthorn: Object.fromEntries(rates), run }];
  });
}
