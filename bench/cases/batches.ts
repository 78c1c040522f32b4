import type { BenchCase } from '../bench-case.ts';
import { measurePairs, pairsResult, type Pairs } from '../pairs.ts';
import { besideCaseA } from '../beside-case-a.ts';

const EVENTS = 100;
/** Together they have a few thousand events under way: as many as one commit holds. */
const CLIENTS = 16;

export const batches: BenchCase = {
  letter: 'b',
  title: `Lists of ${EVENTS} events a request, ${CLIENTS} clients`,
  long: true,
  async run(settings) {
    const shape = { clients: CLIENTS, eventsPerRequest: EVENTS };
    const measured: Pairs[] = [];
    for (const store of settings.stores) {
      const name = `${store.name}, ${EVENTS} a request`;
      measured.push(await measurePairs(besideCaseA(name, store, settings, shape), settings));
    }
    return pairsResult(measured);
  },
};
