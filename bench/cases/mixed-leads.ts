import type { BenchCase } from '../bench-case.ts';
import { besideCaseA } from '../beside-case-a.ts';
import { measurePairs, pairsResult, type Pairs } from '../pairs.ts';

/** In case (a) each event's lead comes behind the last one in the index of leads, which is cheapest. */
export const mixedLeads: BenchCase = {
  letter: 'l',
  title: 'Leads in no order, as they come in life',
  long: true,
  async run(settings) {
    const measured: Pairs[] = [];
    for (const store of settings.stores) {
      const name = `${store.name}, leads in no order`;
      const comparison = besideCaseA(name, store, settings, { leads: 'mixed' });
      measured.push(await measurePairs(comparison, settings));
    }
    return pairsResult(measured);
  },
};
