import assert from 'node:assert/strict';
import type { Silenced } from './crash-faults.ts';
import type { Ownerless, Takeover } from './observer.ts';

/** The promise: a dead node's work is taken over within this time. */
export const TAKEOVER_LIMIT_MS = 15_000;

export interface TimedTakeover extends Takeover {
  readonly how: Silenced['how'];
  /** From the fault that silenced its owner to the commit that gave the shard to another. */
  readonly afterMs: number;
}

/** Takeovers from nodes that had been killed or frozen, each by the last such fault before. */
export function timedTakeovers(
  silenced: readonly Silenced[],
  takeovers: readonly Takeover[],
): TimedTakeover[] {
  return takeovers.flatMap((takeover) => {
    const { from, at } = takeover;
    const fault = silenced.findLast((each) => each.node === from && each.at <= at);
    return fault ? [{ ...takeover, how: fault.how, afterMs: at - fault.at }] : [];
  });
}

/** Every one, and every shard that was given up by its owner: also where who was to take it died. */
export function allTakenOverInTime(
  timed: readonly TimedTakeover[],
  ownerless: readonly Ownerless[],
): void {
  for (const { shard, from, by, how, afterMs } of timed) {
    const what = `${by} took shard ${shard} ${afterMs} ms after ${from} had been hit by a ${how}`;
    assert.ok(afterMs <= TAKEOVER_LIMIT_MS, what);
  }
  for (const { shard, forMs } of ownerless) {
    assert.ok(forMs <= TAKEOVER_LIMIT_MS, `shard ${shard} was nobody's for ${forMs} ms`);
  }
}
