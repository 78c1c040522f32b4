import { setTimeout as passed } from 'node:timers/promises';
import type { BenchSettings } from './bench-case.ts';
import { loadFaults } from './checks.ts';
import { BenchChild, type Listening } from './children.ts';
import { monotonicMs } from './clock.ts';
import { deliveredIn, type Delivered } from './delivered.ts';
import { percent, whole } from './format.ts';
import type { Peer } from './peer.ts';
import { FLAGS } from './posthorn.ts';
import type { ReceiverOrder, ReceiverReport } from './receiver.ts';
import { CASE_A, measureLoad, perSecond, type Run } from './sustained.ts';

const PROGRAM = 'peers/main.ts';
/** What was accepted too fast gets so long; what waits then makes the run void. */
const DRAIN_MS = 120_000;
const LOOK_MS = 100;

interface PeerOrder {
  readonly kind: 'undone';
}

/** `perSecond` is the better of the two figures of what was delivered: a doubt counts for the peer. */
export interface PeerRun extends Run, Delivered {
  readonly acceptedPerSecond: number;
}

/** Case (a) with Node's flags of Posthorn: they help here too. */
export async function measurePeer(peer: Peer, settings: BenchSettings): Promise<PeerRun> {
  const { name, library, intake } = peer;
  await using database = await peer.fresh();
  await using receiver = await BenchChild.start<ReceiverOrder, Listening>('receiver.ts');
  const start = (...args: string[]): Promise<BenchChild<PeerOrder, Listening>> =>
    BenchChild.startWith(FLAGS, PROGRAM, library, ...args);
  await using _worker = await start('worker', database.url, receiver.ready.origin);
  await using api = await start('api', database.url, intake);
  const offset = Date.now() - monotonicMs();
  const load = await measureLoad({ ...api.ready, path: '/', headers: {} }, settings, CASE_A);
  const undone = await drainedPeer(load.accepted, receiver, api);
  const received = await receiver.order<ReceiverReport>({ kind: 'report' });
  const window = { from: load.from - offset, to: load.to - offset };
  const delivered = deliveredIn(received.receivedAt, window, load);
  const faults = loadFaults(name, [load], received);
  if (undone > 0) faults.push(`${name}: ${undone} jobs were not done after ${DRAIN_MS} ms`);
  return {
    ...delivered,
    perSecond: Math.max(delivered.inWindow, delivered.balanced),
    acceptedPerSecond: perSecond(load.acceptedInWindow, load),
    usedByOthers: load.usedByOthers,
    faults,
  };
}

/** @returns how many jobs are not done when everything was received, or the time is over */
async function drainedPeer(
  accepted: number,
  receiver: BenchChild<ReceiverOrder>,
  api: BenchChild<PeerOrder>,
): Promise<number> {
  const since = performance.now();
  for (;;) {
    const { requests } = await receiver.order<{ requests: number }>({ kind: 'count' });
    const late = performance.now() - since > DRAIN_MS;
    if (requests >= accepted || late) {
      const { undone } = await api.order<{ undone: number }>({ kind: 'undone' });
      if (undone === 0 || late) return undone;
    }
    await passed(LOOK_MS);
  }
}

export function peerRunText(name: string, run: PeerRun): string {
  return (
    `${name}: accepted ${whole(run.acceptedPerSecond)}/s, delivered ${whole(run.inWindow)}/s, ` +
    `balanced ${whole(run.balanced)}/s; ${percent(run.waiting)} waiting at the end, ` +
    `drained in ${whole(run.drainMs)} ms; others used ${percent(run.usedByOthers)} of the machine`
  );
}
