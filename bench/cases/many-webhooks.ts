import type { BenchCase } from '../bench-case.ts';
import { storesBesideCaseA } from '../beside-case-a.ts';
import { whole } from '../format.ts';
import { pairsResult } from '../pairs.ts';

const WEBHOOKS = 10_000;

export const manyWebhooks: BenchCase = {
  letter: 'g',
  title: `${whole(WEBHOOKS)} webhooks in the account, each of a campaign; one matches`,
  long: true,
  async run(settings) {
    return pairsResult(
      await storesBesideCaseA(`${whole(WEBHOOKS)} webhooks`, settings, {
        idleWebhooks: WEBHOOKS - 1,
      }),
    );
  },
};
