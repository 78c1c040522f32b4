/**
 * Half of what a team would write by hand: `node main.ts LIBRARY api one-by-one|gathered URL` takes
 * events, `node main.ts LIBRARY worker URL ENDPOINT` delivers them. Two processes, which on two cores
 * was faster than one with all three libraries (jobs gathered), by a fifth to two thirds.
 */
import { delivering } from './endpoint.ts';
import { gathering } from './gathering.ts';
import { listen } from './intake.ts';
import type { Event, JobQueue } from './job-queue.ts';

/** Each process loads its own library only. */
const LIBRARIES: Readonly<Record<string, (url: string) => Promise<JobQueue>>> = {
  bullmq: async (url) => (await import('./bullmq.ts')).openBullmq(url),
  'pg-boss': async (url) => (await import('./pg-boss.ts')).openPgBoss(url),
  'graphile-worker': async (url) => (await import('./graphile-worker.ts')).openGraphileWorker(url),
};

const [library = '', role, url = '', detail = ''] = process.argv.slice(2);
const queue = await LIBRARIES[library]?.(url);
if (!queue) throw new Error(`There is no ${library} here`);

if (role === 'api') {
  const one = (event: Event): Promise<unknown> => queue.add(event);
  process.send?.({ origin: await listen(detail === 'gathered' ? gathering(queue) : one) });
} else {
  await queue.work(delivering(detail));
  process.send?.({});
}
process.on('message', () => void queue.undoneCount().then((undone) => process.send?.({ undone })));
process.once('disconnect', () => process.exit());
