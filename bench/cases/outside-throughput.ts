import type { BenchCase } from '../bench-case.ts';
import { besideRelay } from '../beside-relay.ts';
import { outsideMeasures } from '../outside/measures.ts';
import { nginxProgram } from '../outside/nginx.ts';
import { wrkRuns } from '../outside/wrk.ts';

/** Whether what case (a) says is so for others' tools too. */
export const outsideThroughput: BenchCase = {
  letter: 'k',
  title: 'As case (a), with load and receiver of another make: wrk and nginx',
  long: true,
  async run(settings) {
    const nginx = nginxProgram();
    if (nginx === undefined || !wrkRuns()) {
      const why =
        'left out: wrk or nginx does not run here (Debian: apt-get install wrk nginx-light)';
      return { summary: [why], figures: null, faults: [] };
    }
    return besideRelay({ ...settings, peers: [] }, outsideMeasures(nginx));
  },
};
