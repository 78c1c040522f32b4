import { WARM_UP_MS, type BenchCase, type BenchSettings, type CaseResult } from '../bench-case.ts';
import { drained, loadFaults, storeFaults } from '../checks.ts';
import { BenchChild, temporaryDirectory, type Listening } from '../children.ts';
import type { ClosedLoopReport } from '../closed-loop.ts';
import { percent, spreadCells, table, whole } from '../format.ts';
import type { Target } from '../keep-alive-client.ts';
import type { LoadOrder } from '../load.ts';
import { OthersUse } from '../others-use.ts';
import { Posthorn } from '../posthorn.ts';
import type { ReceiverOrder, ReceiverReport } from '../receiver.ts';
import { spread } from '../statistics.ts';
import { storedCounts } from '../stored-counts.ts';

const CLIENTS = 128;
const CAMPAIGN_ID = 1_000;
/** With more than this waiting at the end of the load, accepting has starved delivering. */
const MAX_WAITING = 0.05;

interface Run {
  /** The relay: events passed on. Posthorn: deliveries recorded as succeeded. */
  readonly perSecond: number;
  /** The share of the machine that others used meanwhile. */
  readonly usedByOthers: number;
  readonly faults: readonly string[];
}

interface PosthornRun extends Run {
  /** The share of what was accepted that was not delivered when the load ended. */
  readonly waiting: number;
  readonly drainMs: number;
  /** POSTs beyond the first of each event. */
  readonly again: number;
}

interface Repeat {
  readonly relay: Run;
  readonly posthorn: PosthornRun;
  readonly ratio: number;
}

/** One event a request, keep-alive, closed loop, one webhook at user level. */
export const throughput: BenchCase = {
  letter: 'a',
  title: `Sustained throughput: one event a request, ${CLIENTS} clients, one webhook`,
  async run(settings) {
    const repeats: Repeat[] = [];
    for (let i = 1; i <= settings.repeats; i += 1) {
      const relay = await measureRelay(settings);
      const posthorn = await measurePosthorn(settings);
      const repeat = { relay, posthorn, ratio: posthorn.perSecond / relay.perSecond };
      settings.print(`  ${i}. ${repeatText(repeat)}`);
      repeats.push(repeat);
    }
    return resultOf(repeats);
  },
};

async function measureRelay(settings: BenchSettings): Promise<Run> {
  await using receiver = await BenchChild.start<ReceiverOrder, Listening>('receiver.ts');
  await using relay = await BenchChild.start<never, Listening>('relay.ts', receiver.ready.origin);
  const load = await measureLoad({ ...relay.ready, path: '/', headers: {} }, settings);
  const received = await receiver.order<ReceiverReport>({ kind: 'report' });
  return {
    perSecond: perSecond(load.acceptedInWindow, load),
    usedByOthers: load.usedByOthers,
    faults: loadFaults('The relay', [load], received),
  };
}

async function measurePosthorn(settings: BenchSettings): Promise<PosthornRun> {
  using directory = temporaryDirectory(settings.directory);
  await using receiver = await BenchChild.start<ReceiverOrder, Listening>('receiver.ts');
  await using posthorn = await Posthorn.start(directory.path);
  await posthorn.createWebhook(`${receiver.ready.origin}/`);
  const load = await measureLoad(posthorn.events, settings);
  const drainMs = await drained(posthorn.databaseFile);
  const received = await receiver.order<ReceiverReport>({ kind: 'report' });
  await posthorn.stop();
  const stored = storedCounts(posthorn.databaseFile, load);
  const waiting = stored.waitingAtEnd / load.accepted;
  const faults = [...loadFaults('Posthorn', [load], received), ...storeFaults([load], stored)];
  if (waiting > MAX_WAITING) faults.push(`${percent(waiting)} waited when the load ended`);
  return {
    perSecond: perSecond(stored.succeededInWindow, load),
    usedByOthers: load.usedByOthers,
    waiting,
    drainMs,
    again: received.requests - received.distinct,
    faults,
  };
}

async function measureLoad(
  target: Target,
  { seconds }: BenchSettings,
): Promise<ClosedLoopReport & Pick<Run, 'usedByOthers'>> {
  const use = new OthersUse();
  await using load = await BenchChild.start<LoadOrder>('load.ts');
  const report = await load.order<ClosedLoopReport>({
    kind: 'closed',
    target,
    campaignId: CAMPAIGN_ID,
    clients: CLIENTS,
    warmUpMs: WARM_UP_MS,
    measureMs: seconds * 1_000,
  });
  return { ...report, usedByOthers: use.share };
}

function perSecond(count: number, { from, to }: { from: number; to: number }): number {
  return (count / (to - from)) * 1_000;
}

function repeatText({ relay, posthorn, ratio }: Repeat): string {
  const { waiting, drainMs, again } = posthorn;
  return (
    `relay ${whole(relay.perSecond)}/s, Posthorn ${whole(posthorn.perSecond)}/s, ` +
    `ratio ${ratio.toFixed(2)}; waiting at the end ${percent(waiting)}, ` +
    `drained in ${whole(drainMs)} ms, sent again ${again}; ` +
    `others used ${percent(relay.usedByOthers)} and ${percent(posthorn.usedByOthers)} of the machine`
  );
}

function resultOf(repeats: readonly Repeat[]): CaseResult {
  const relay = spread(repeats.map((repeat) => repeat.relay.perSecond));
  const posthorn = spread(repeats.map((repeat) => repeat.posthorn.perSecond));
  const ratio = spread(repeats.map((repeat) => repeat.ratio));
  const waiting = spread(repeats.map((repeat) => repeat.posthorn.waiting));
  const runs = repeats.flatMap((repeat) => [repeat.relay, repeat.posthorn]);
  const usedByOthers = spread(runs.map((run) => run.usedByOthers));
  const ratioOfMedians = posthorn.median / relay.median;
  return {
    summary: table([
      ['', 'median', 'min', 'max'],
      ['bare relay, events/s', ...spreadCells(relay, whole)],
      ['Posthorn, deliveries recorded/s', ...spreadCells(posthorn, whole)],
      ['ratio in each repeat', ...spreadCells(ratio, (value) => value.toFixed(2))],
      ['ratio of the medians', ratioOfMedians.toFixed(2)],
      ['waiting at the end of the load', ...spreadCells(waiting, percent)],
      ['used by other programs', ...spreadCells(usedByOthers, percent)],
    ]),
    figures: { relay, posthorn, ratio, ratioOfMedians, waiting, usedByOthers, repeats },
    faults: runs.flatMap(({ faults }) => faults),
  };
}
