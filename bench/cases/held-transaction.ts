import type { BenchCase } from '../bench-case.ts';
import { besideEmpty } from '../beside-empty.ts';
import { drained, loadFaults, storeFaults } from '../checks.ts';
import { BenchChild, type Listening } from '../children.ts';
import { whole } from '../format.ts';
import type { LoadOrder } from '../load.ts';
import type { OpenLoopReport } from '../open-loop.ts';
import { pairsResult, type Pairs } from '../pairs.ts';
import { Posthorn } from '../posthorn.ts';
import type { ReceiverOrder, ReceiverReport } from '../receiver.ts';
import type { BenchDatabase } from '../stores/bench-store.ts';
import { CAMPAIGN_ID } from '../sustained.ts';

const HELD_MS = 10 * 60 * 1_000;
/** Between the measurements: what ends meanwhile stays in the tables and their indexes. */
const EVENTS_PER_SECOND = 1_000;

/**
 * As case (a), in turns with an empty database, at the beginning and at the end of ten minutes in
 * which another client holds a transaction open. Vacuum removes nothing that died since it began.
 */
export const heldTransaction: BenchCase = {
  letter: 'j',
  title: 'A transaction held open for ten minutes by another client of PostgreSQL',
  long: true,
  async run(settings) {
    const measured: Pairs[] = [];
    const faults: string[] = [];
    for (const store of settings.stores) {
      await using database = await store.fresh();
      await using held = await database.holdTransaction?.();
      if (!held) continue;
      const until = performance.now() + HELD_MS;
      const measure = async (when: string): Promise<void> => {
        measured.push(await besideEmpty(`${store.name}, ${when}`, store, database, settings));
        settings.print(`  dead rows in the queue: ${whole(await held.deadRows())}`);
      };
      await measure('held from now on');
      const leftMs = until - performance.now();
      settings.print(`  ${whole(EVENTS_PER_SECOND)} events/s for ${whole(leftMs / 1_000)} s`);
      faults.push(...(await loadFor(leftMs, store.name, database)));
      settings.print('  and measured again');
      await measure('held for ten minutes');
    }
    const result = pairsResult(measured);
    return { ...result, faults: [...faults, ...result.faults] };
  },
};

/** @returns what went wrong meanwhile */
async function loadFor(ms: number, name: string, database: BenchDatabase): Promise<string[]> {
  if (ms <= 0) return [`${name}: measuring the beginning took longer than it is to be held`];
  await using receiver = await BenchChild.start<ReceiverOrder, Listening>('receiver.ts');
  await using posthorn = await Posthorn.start(database);
  const webhookId = await posthorn.createWebhook(`${receiver.ready.origin}/`);
  await using load = await BenchChild.start<LoadOrder>('load.ts');
  const report = await load.order<OpenLoopReport>({
    kind: 'open',
    target: posthorn.events,
    campaignIds: [CAMPAIGN_ID],
    perSecond: EVENTS_PER_SECOND,
    count: Math.round((EVENTS_PER_SECOND * ms) / 1_000),
  });
  await drained(database);
  const received = await receiver.order<ReceiverReport>({ kind: 'report' });
  await posthorn.deleteWebhook(webhookId);
  await posthorn.stop();
  const stored = await database.storedCounts(posthorn.startedAt, { from: 0, to: 0 });
  return [...loadFaults(name, [report], received), ...storeFaults(name, [report], stored)];
}
