import type { TestContext } from 'node:test';
import type { Received } from '../e2e/receiver.ts';
import type { ChangingWebhooks } from './changing-webhooks.ts';
import type { ClusterClient } from './cluster-client.ts';
import type { Refused, SecondPosts, Unrecorded, Wanted } from './crash-accounts.ts';
import type { CrashFaults } from './crash-faults.ts';
import type { TimedTakeover } from './crash-takeovers.ts';
import type { Ownerless, Takeover } from './observer.ts';

export interface Counted {
  readonly wanted: Wanted;
  readonly received: readonly Received[];
  readonly takeovers: readonly Takeover[];
  readonly timed: readonly TimedTakeover[];
  readonly ownerless: readonly Ownerless[];
  readonly canceled: ReadonlySet<string>;
  readonly byTwoOwners: readonly string[];
  readonly inFlight: readonly Unrecorded[];
  readonly second: SecondPosts;
  readonly refused: readonly Refused[];
}

/** What happened, in numbers. */
export function tellCounts(
  t: TestContext,
  faults: CrashFaults,
  clients: readonly ClusterClient[],
  changing: ChangingWebhooks,
  counted: Counted,
): void {
  const { wanted, received, inFlight, second, refused } = counted;
  t.diagnostic(`faults: ${listed(faults.counts)}`);
  const answers: Record<string, number> = {};
  for (const client of clients) {
    for (const [answer, count] of Object.entries(client.answers)) {
      answers[answer] = (answers[answer] ?? 0) + count;
    }
  }
  const sent = clients.reduce((sum, client) => sum + client.sent.length, 0);
  const duplicates = clients.reduce((sum, client) => sum + client.duplicates, 0);
  t.diagnostic(
    `events ${sent}, deliveries ${wanted.size}, POSTs ${received.length}; ` +
      `calls by answer: ${listed(answers)}; repeated and found accepted ${duplicates}`,
  );
  const by = clients.flatMap((client) => Object.entries(client.acceptedBy));
  const accepted = Object.entries(Object.groupBy(by, ([name]) => name)).map(
    ([name, of]) => [name, (of ?? []).reduce((sum, [, count]) => sum + count, 0)] as const,
  );
  t.diagnostic(`events accepted by: ${listed(Object.fromEntries(accepted))}`);
  t.diagnostic(
    `webhooks changed meanwhile, calls: ${listed(changing.counts)}; events put in at another node ` +
      `right after ${changing.matched}, deliveries canceled with their webhooks ${counted.canceled.size}`,
  );
  tellTakeovers(t, counted);
  t.diagnostic(
    `in flight at the takeovers ${inFlight.length}; records refused ${refused.length}; recorded by two ` +
      `owners ${counted.byTwoOwners.length}; second POSTs after a 2xx: in flight ${second.inFlight}, by a ` +
      `node frozen before ${second.afterFreeze}, answered too late ${second.tooLate}, others ` +
      `${second.wrong.length}`,
  );
}

function tellTakeovers(t: TestContext, { takeovers, timed, ownerless }: Counted): void {
  const times = (how: string): string => {
    const of = timed.filter((each) => each.how === how).map(({ afterMs }) => afterMs);
    return `${of.length} within ${longest(of)} ms`;
  };
  t.diagnostic(
    `shards taken over from nodes killed ${times('kill')}, frozen ${times('freeze')}, neither ` +
      `${takeovers.length - timed.length}; given up ${ownerless.length}, nobody's for at most ` +
      `${longest(ownerless.map(({ forMs }) => forMs))} ms`,
  );
}

function longest(times: readonly number[]): number {
  return Math.round(Math.max(0, ...times));
}

function listed(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).toSorted(([a], [b]) => a.localeCompare(b));
  return parts.map(([name, count]) => `${name} ${count}`).join(', ');
}
