import type { BenchCase } from '../bench-case.ts';
import { besideCaseA } from '../beside-case-a.ts';
import { whole } from '../format.ts';
import { measurePairs, pairsResult, type Pairs } from '../pairs.ts';

const WEBHOOKS = 10_000;

export const manyWebhooks: BenchCase = {
  letter: 'g',
  title: `${whole(WEBHOOKS)} webhooks in the account, each of a campaign; one matches`,
  long: true,
  async run(settings) {
    const measured: Pairs[] = [];
    for (const store of settings.stores) {
      const name = `${store.name}, ${whole(WEBHOOKS)} webhooks`;
      const comparison = besideCaseA(name, store, settings, { idleWebhooks: WEBHOOKS - 1 });
      measured.push(await measurePairs(comparison, settings));
    }
    return pairsResult(measured);
  },
};
