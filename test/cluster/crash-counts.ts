import type { TestContext } from 'node:test';
import type { Received } from '../e2e/receiver.ts';
import type { ClusterClient } from './cluster-client.ts';
import type { Refused, SecondPosts, Unrecorded, Wanted } from './crash-accounts.ts';
import type { CrashFaults } from './crash-faults.ts';
import type { Takeover } from './observer.ts';

export interface Counted {
  readonly wanted: Wanted;
  readonly received: readonly Received[];
  readonly takeovers: readonly Takeover[];
  readonly inFlight: readonly Unrecorded[];
  readonly second: SecondPosts;
  readonly refused: readonly Refused[];
}

/** What happened, in numbers. */
export function tellCounts(
  t: TestContext,
  faults: CrashFaults,
  clients: readonly ClusterClient[],
  { wanted, received, takeovers, inFlight, second, refused }: Counted,
): void {
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
  const from = (how: string): readonly Takeover[] => {
    const names = new Set(faults.silenced.flatMap((each) => (each.how === how ? each.node : [])));
    return takeovers.filter((takeover) => names.has(takeover.from));
  };
  const [killed, frozen] = [from('kill'), from('freeze')];
  const living = takeovers.filter((each) => !killed.includes(each) && !frozen.includes(each));
  t.diagnostic(
    `shards taken over from nodes killed ${killed.length}, frozen ${frozen.length}, neither ` +
      `${living.length}; the last one ${Math.round(longest(faults, takeovers))} ms after its fault`,
  );
  t.diagnostic(
    `in flight at the takeovers ${inFlight.length}; records refused ${refused.length}; second POSTs ` +
      `after a 2xx: in flight ${second.inFlight}, by a node frozen before ${second.afterFreeze}, ` +
      `answered too late ${second.tooLate}, others ${second.wrong.length}`,
  );
}

/** From a node's last fault before to the takeover. */
function longest({ silenced }: CrashFaults, takeovers: readonly Takeover[]): number {
  const times = takeovers.map(({ from, at }) => {
    const fault = silenced.findLast((each) => each.node === from && each.at <= at);
    return fault ? at - fault.at : 0;
  });
  return Math.max(0, ...times);
}

function listed(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).toSorted(([a], [b]) => a.localeCompare(b));
  return parts.map(([name, count]) => `${name} ${count}`).join(', ');
}
