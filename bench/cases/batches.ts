import type { BenchCase } from '../bench-case.ts';
import { pairsResult } from '../pairs.ts';
import { storesBesideCaseA } from '../beside-case-a.ts';

const EVENTS = 100;
/** Together they have a few thousand events under way: as many as one commit holds. */
const CLIENTS = 16;

export const batches: BenchCase = {
  letter: 'b',
  title: `Lists of ${EVENTS} events a request, ${CLIENTS} clients`,
  long: true,
  async run(settings) {
    const shape = { clients: CLIENTS, eventsPerRequest: EVENTS };
    return pairsResult(await storesBesideCaseA(`${EVENTS} a request`, settings, shape));
  },
};
