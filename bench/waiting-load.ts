import { BenchChild } from './children.ts';
import type { Target } from './keep-alive-client.ts';
import type { LoadOrder } from './load.ts';
import type { OpenLoopReport } from './open-loop.ts';
import { CAMPAIGN_ID } from './sustained.ts';

/** More than any server takes: each client posts when it is free. */
const AS_FAST_AS_IT_GOES = 1_000_000;

/** Posts so many events. */
export async function postCount(target: Target, count: number): Promise<OpenLoopReport> {
  await using load = await BenchChild.start<LoadOrder>('load.ts');
  return await load.order({
    kind: 'open',
    target,
    campaignIds: [CAMPAIGN_ID],
    perSecond: AS_FAST_AS_IT_GOES,
    count,
  });
}
