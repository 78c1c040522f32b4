import type { BenchCase } from '../bench-case.ts';
import { storesBesideCaseA } from '../beside-case-a.ts';
import { pairsResult } from '../pairs.ts';

/** In case (a) each event's lead comes behind the last one in the index of leads, which is cheapest. */
export const mixedLeads: BenchCase = {
  letter: 'l',
  title: 'Leads in no order, as they come in life',
  long: true,
  async run(settings) {
    return pairsResult(await storesBesideCaseA('leads in no order', settings, { leads: 'mixed' }));
  },
};
