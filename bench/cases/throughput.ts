import type { BenchCase } from '../bench-case.ts';
import { besideRelay } from '../beside-relay.ts';
import { CLIENTS, measurePosthorn, measureRelay } from '../sustained.ts';

/** One event a request, keep-alive, closed loop, one webhook at user level; the relay beside each. */
export const throughput: BenchCase = {
  letter: 'a',
  title: `Sustained throughput: one event a request, ${CLIENTS} clients, one webhook`,
  run: (settings) => besideRelay(settings, { relay: measureRelay, posthorn: measurePosthorn }),
};
