import { setTimeout as passed } from 'node:timers/promises';
import type { BenchDatabase, StoredCounts } from './stores/bench-store.ts';
import type { Tally } from './tally.ts';

const DRAIN_MS = 90_000;
const LOOK_MS = 20;

/**
 * Waits until nothing is pending any more; gives up after a time, and `storeFaults` tells then.
 * To be called when the load has ended: looking disturbs no measurement then.
 * @returns how long it took, in milliseconds
 */
export async function drained(database: BenchDatabase): Promise<number> {
  const since = performance.now();
  while ((await database.pendingCount()) > 0 && performance.now() - since < DRAIN_MS) {
    await passed(LOOK_MS);
  }
  return performance.now() - since;
}

/** What is wrong between what was posted, what was accepted and what the receiver got. */
export function loadFaults(
  name: string,
  loads: readonly Tally[],
  received: { readonly distinct: number },
): string[] {
  const faults: string[] = [];
  for (const { posted, accepted, others } of loads) {
    if (accepted !== posted) {
      faults.push(`${name} did not answer 202 to all of ${posted}: ${JSON.stringify(others)}`);
    }
  }
  const accepted = acceptedOf(loads);
  if (received.distinct !== accepted) {
    faults.push(`${name} accepted ${accepted} events; ${received.distinct} were received`);
  }
  return faults;
}

/** Every accepted event has to be there, its attempts, and its deliveries recorded as succeeded. */
export function storeFaults(
  name: string,
  loads: readonly Pick<Tally, 'accepted'>[],
  stored: StoredCounts,
  deliveriesEach = 1,
): string[] {
  const accepted = acceptedOf(loads);
  const deliveries = accepted * deliveriesEach;
  const { events, succeeded, attempts, others } = stored;
  if (events === accepted && succeeded === deliveries && attempts >= deliveries && others === 0) {
    return [];
  }
  return [`${name} accepted ${accepted} events; its store holds ${JSON.stringify(stored)}`];
}

function acceptedOf(loads: readonly Pick<Tally, 'accepted'>[]): number {
  return loads.reduce((sum, { accepted }) => sum + accepted, 0);
}
