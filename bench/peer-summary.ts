import { ratioText, table, whole, percent } from './format.ts';
import type { PeerRun } from './peer-run.ts';
import { spread, type Spread } from './statistics.ts';

/** One repeat: deliveries a second of Posthorn by the store's name, and a peer's run beside it. */
export interface BesidePeer {
  readonly posthorn: Readonly<Record<string, number>>;
  readonly run: PeerRun;
}

export interface PeerFigures {
  readonly peer: string;
  readonly perSecond: Spread;
  readonly acceptedPerSecond: Spread;
  /** In the window; `perSecond` may be the balanced figure. */
  readonly inWindow: Spread;
  readonly waiting: Spread;
  readonly drainMs: Spread;
  /** Posthorn's deliveries for one of the peer's, in each repeat, by the store's name. */
  readonly ratios: Readonly<Record<string, Spread>>;
}

export function peerFigures(peer: string, repeats: readonly BesidePeer[]): PeerFigures {
  const of = (figure: (run: PeerRun) => number): Spread =>
    spread(repeats.map(({ run }) => figure(run)));
  const stores = Object.keys(repeats[0]?.posthorn ?? {});
  const ratio = (store: string): Spread =>
    spread(repeats.map(({ posthorn, run }) => (posthorn[store] ?? NaN) / run.perSecond));
  return {
    peer,
    perSecond: of((run) => run.perSecond),
    acceptedPerSecond: of((run) => run.acceptedPerSecond),
    inWindow: of((run) => run.inWindow),
    waiting: of((run) => run.waiting),
    drainMs: of((run) => run.drainMs),
    ratios: Object.fromEntries(stores.map((store) => [store, ratio(store)])),
  };
}

/** Medians, and the range of what is compared: sustained, so the better of delivered and balanced. */
export function peerTable(figures: readonly PeerFigures[]): string[] {
  const stores = Object.keys(figures[0]?.ratios ?? {});
  return table([
    [
      'what a team would write by hand',
      'accepted/s',
      'delivered/s',
      'sustained/s',
      'min',
      'max',
      'waiting at the end',
      'drained in ms',
      ...stores.map((store) => `${store} : it`),
    ],
    ...figures.map(({ peer, perSecond, acceptedPerSecond, inWindow, waiting, drainMs, ratios }) => [
      peer,
      whole(acceptedPerSecond.median),
      whole(inWindow.median),
      whole(perSecond.median),
      whole(perSecond.min),
      whole(perSecond.max),
      percent(waiting.median),
      whole(drainMs.median),
      ...stores.map((store) => ratioText(ratios[store]?.median ?? NaN)),
    ]),
  ]);
}
