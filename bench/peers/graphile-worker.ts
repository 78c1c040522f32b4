import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { ATTEMPTS, type Event, type JobQueue } from './job-queue.ts';

const TASK = 'deliver';

/** Its default for storing: one by one 20 and 50 gave no more, since every commit takes its turn. */
const CONNECTIONS = 10;

/**
 * What its page on performance sets for its own figures: many jobs at once, fetched 500 at a time
 * into memory, and done ones deleted together. The pause before fetching again, where a fetch came
 * back short, keeps every single job from causing a fetch: 1,160 a second one by one, 820 without it.
 */
const CONCURRENCY = 50;
const FETCHED = 500;
const SETTINGS = {
  concurrentJobs: CONCURRENCY,
  localQueue: {
    size: FETCHED,
    refetchDelay: { durationMs: 20, threshold: FETCHED, maxAbortThreshold: FETCHED },
  },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
  maxPoolSize: CONCURRENCY + 2,
  // Of two seconds the last job waited all, where its notification came within that pause.
  pollInterval: 500,
};

const UNDONE = 'SELECT count(*)::int AS count FROM graphile_worker.jobs';
interface Count {
  readonly count: number;
}

/** Only what went wrong; by default it has a line for each job. */
const logger = new Logger(() => (level, message) => {
  if (level === 'error') console.error(message);
});

export async function openGraphileWorker(connectionString: string): Promise<JobQueue> {
  const worker = { connectionString, logger };
  const utils = await makeWorkerUtils({
    preset: { worker: { ...worker, maxPoolSize: CONNECTIONS } },
  });
  await utils.migrate();
  return {
    add: (event) => utils.addJob(TASK, event, { maxAttempts: ATTEMPTS }),
    addAll: (events) =>
      utils.addJobs(
        events.map((payload) => ({ identifier: TASK, payload, maxAttempts: ATTEMPTS })),
      ),
    work: (deliver) =>
      run({
        preset: { worker: { ...worker, ...SETTINGS } },
        taskList: { [TASK]: (event) => deliver(event as Event) },
        noHandleSignals: true,
        parsedCronItems: [],
      }),
    undoneCount: async () => {
      const { rows } = await utils.withPgClient((client) => client.query<Count>(UNDONE));
      return rows[0]?.count ?? Number.NaN;
    },
  };
}
