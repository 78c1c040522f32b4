import type { BenchCase } from '../bench-case.ts';
import { besideCaseA } from '../beside-case-a.ts';
import { measurePairs, pairsResult, type Pairs } from '../pairs.ts';

const FAN_OUTS = [5, 50];

export const fanOut: BenchCase = {
  letter: 'c',
  title: `Each event to ${FAN_OUTS.join(' and ')} webhooks`,
  long: true,
  async run(settings) {
    const measured: Pairs[] = [];
    for (const webhooks of FAN_OUTS) {
      for (const store of settings.stores) {
        const name = `${store.name}, to ${webhooks} webhooks`;
        const comparison = besideCaseA(name, store, settings, { fanOut: webhooks });
        measured.push(await measurePairs(comparison, settings));
      }
    }
    return pairsResult(measured);
  },
};
