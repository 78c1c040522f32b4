import { drained, storeFaults } from '../checks.ts';
import { BenchChild, type Listening } from '../children.ts';
import type { Measures } from '../beside-relay.ts';
import { Posthorn } from '../posthorn.ts';
import { CLIENTS, perSecond, waitingFaults } from '../sustained.ts';
import { startNginx } from './nginx.ts';
import { measureWrk, type WrkLoad } from './wrk.ts';

/** As case (a) is measured, with wrk for the load and nginx for the receiver. */
export function outsideMeasures(nginx: string): Measures {
  return {
    relay: async (settings) => {
      await using receiver = await startNginx(nginx);
      await using relay = await BenchChild.start<never, Listening>('relay.ts', receiver.origin);
      const load = await measureWrk({ ...relay.ready, path: '/', headers: {} }, settings);
      const received = await receiver.requests();
      return {
        perSecond: load.answeredPerSecond,
        usedByOthers: load.usedByOthers,
        faults: loadFaults('The relay', load, { events: received, received }),
      };
    },
    posthorn: async (name, database, settings) => {
      await using receiver = await startNginx(nginx);
      await using posthorn = await Posthorn.start(database);
      const [webhook = 0] = await posthorn.createWebhooks(1, receiver.origin);
      const load = await measureWrk(posthorn.events, settings);
      const drainMs = await drained(database);
      const received = await receiver.requests();
      await posthorn.deleteWebhook(webhook);
      await posthorn.stop();
      const stored = await database.storedCounts(posthorn.startedAt, load);
      const waiting = stored.waitingAtEnd / stored.events;
      return {
        perSecond: perSecond(stored.succeededInWindow, load),
        usedByOthers: load.usedByOthers,
        waiting,
        drainMs,
        again: received - stored.events,
        faults: [
          ...loadFaults(name, load, { events: stored.events, received }),
          ...storeFaults(name, [{ accepted: stored.events }], stored),
          ...waitingFaults(name, waiting),
        ],
      };
    },
  };
}

/** What was answered is there, and no more beside it than can have been under way when a run ended. */
function loadFaults(
  name: string,
  { answered, failed }: WrkLoad,
  { events, received }: { readonly events: number; readonly received: number },
): string[] {
  const faults: string[] = [];
  if (failed > 0) faults.push(`${name}: ${failed} requests failed`);
  if (events < answered || events > answered + 2 * CLIENTS || received < events) {
    faults.push(
      `${name} answered ${answered} requests; it took ${events}, ${received} were received`,
    );
  }
  return faults;
}
