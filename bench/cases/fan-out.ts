import type { BenchCase } from '../bench-case.ts';
import { storesBesideCaseA } from '../beside-case-a.ts';
import { pairsResult, type Pairs } from '../pairs.ts';

const FAN_OUTS = [5, 50];

export const fanOut: BenchCase = {
  letter: 'c',
  title: `Each event to ${FAN_OUTS.join(' and ')} webhooks`,
  long: true,
  async run(settings) {
    const measured: Pairs[] = [];
    for (const webhooks of FAN_OUTS) {
      const what = `to ${webhooks} webhooks`;
      measured.push(...(await storesBesideCaseA(what, settings, { fanOut: webhooks })));
    }
    return pairsResult(measured);
  },
};
