import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { API_KEY } from '../e2e/posthorn-process.ts';
import { answer, Receiver, type Received } from '../e2e/receiver.ts';
import { attemptsOf, createWebhook, delivery, mostInASecond, putIn } from '../e2e/scene.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { TestCluster } from './test-cluster.ts';

const NODES = 3;
const LEADS = 100;
const EVENTS_OF_A_LEAD = 50;
const RATE = 10;
const CONCURRENCY = 2;
/** At 10 a second; the contract is judged with 1,000. */
const PACED_EVENTS = Number(process.env['PACED_EVENTS'] ?? 200);
const MANY_RETRIES = Array<string>(30).fill('20ms');
const LONG_MS = 150_000;

/** Kept as text in the body: which event of its lead it is. */
interface Mark {
  readonly lead: string;
  readonly number: number;
}

function markOf({ body }: Received): Mark {
  const { lead_email: lead, number } = JSON.parse(body) as { lead_email: string; number: number };
  return { lead: lead.toLowerCase(), number };
}

describe("a webhook's policy, over several nodes", () => {
  let cluster: TestCluster;
  let receiver: Receiver;
  let inFlight = 0;
  let mostInFlight = 0;

  before(async () => {
    receiver = await Receiver.start((received, response) => {
      if (received.path === '/paced') {
        inFlight += 1;
        mostInFlight = Math.max(mostInFlight, inFlight);
        setTimeout(() => {
          inFlight -= 1;
          answer(received, response, 200);
        }, 120 * Math.random());
        return;
      }
      const stuck = received.path === '/stuck' && markOf(received).lead === 'lead-0@x';
      const fails = stuck || (received.path === '/random' && Math.random() < 0.15);
      answer(received, response, fails ? 500 : 200);
    });
    cluster = await TestCluster.sharing(NODES, { LOG_LEVEL: 'error' });
  });
  after(async () => {
    await cluster[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  it('paces a webhook and bounds what is in flight to it, wherever its events come in and its shard goes', async (t) => {
    const [first] = cluster.nodes;
    assert.ok(first);
    const policy = { rate_limit: RATE, concurrency: CONCURRENCY };
    const { id } = await createWebhook(first, `${receiver.url}/paced`, policy);
    const ids = await putInAll(cluster.nodes, PACED_EVENTS);
    await waitFor(
      'half of them have come',
      () => receiver.at('/paced').length > PACED_EVENTS / 2,
      LONG_MS,
    );
    // Its owner goes, and hands over; another node comes.
    for (const node of cluster.nodes) {
      const shards = await cluster.observer.ownedBy(node.name);
      if (shards.includes(id % 64)) await cluster.end(node, 'SIGTERM');
    }
    await cluster.add();
    await waitFor('all have come', () => receiver.at('/paced').length >= PACED_EVENTS, LONG_MS);
    const started: number[] = [];
    for (const event of ids) {
      const [node] = cluster.nodes;
      const found = await waitFor('it is recorded', async () => {
        const shown = await delivery(node ?? first, event, id);
        return shown['status'] === 'succeeded' && shown;
      });
      started.push(...attemptsOf(found).map((a) => Date.parse(String(a['started_at']))));
    }
    assert.equal(receiver.at('/paced').length, PACED_EVENTS, 'each once');
    const arrived = receiver.at('/paced').map(({ at }) => at);
    const seconds = (Math.max(...arrived) - Math.min(...arrived)) / 1_000;
    t.diagnostic(
      `at the receiver: ${PACED_EVENTS} in ${seconds.toFixed(1)} s, at most ` +
        `${mostInASecond(arrived)} in a second and ${mostInFlight} in flight`,
    );
    for (const times of [started, arrived]) {
      assert.ok(mostInASecond(times) <= RATE + 1, `${mostInASecond(times)} in a second`);
    }
    assert.ok(mostInFlight <= CONCURRENCY, `${mostInFlight} in flight`);
    await cluster.nodes[0]?.call('DELETE', `/api/v1/webhook/delete/${id}`);
  });

  it('keeps the events of each lead in order, through failures and the death of a node', async (t) => {
    const [first] = cluster.nodes;
    assert.ok(first);
    const random = await createWebhook(first, `${receiver.url}/random`, {
      ordering: 'lead',
      retry_schedule: MANY_RETRIES,
    });
    const stuck = await createWebhook(first, `${receiver.url}/stuck`, {
      ordering: 'lead',
      retry_schedule: ['1h'],
    });
    let put = 0;
    const until = performance.now() + LONG_MS;
    const clients = Array.from({ length: LEADS }, async (_, lead) => {
      for (let number = 0; number < EVENTS_OF_A_LEAD; number += 1) {
        await putAnywhere(
          cluster,
          { lead: `${number % 2 ? 'Lead' : 'lead'}-${lead}@x`, number },
          until,
        );
        put += 1;
      }
    });
    const all = LEADS * EVENTS_OF_A_LEAD;
    const kill = async (): Promise<void> => {
      await waitFor('half of them are in', () => put > all / 2, LONG_MS);
      const victim = cluster.nodes[1];
      assert.ok(victim);
      await cluster.end(victim, 'SIGKILL');
      await cluster.add();
    };
    await Promise.all([...clients, kill()]);
    await waitFor(
      'all are recorded',
      async () => (await cluster.observer.pendingDeliveries()) === EVENTS_OF_A_LEAD,
      LONG_MS,
    );

    for (const path of ['/random', '/stuck']) {
      const byLead = Map.groupBy(receiver.at(path), (received) => markOf(received).lead);
      assert.equal(byLead.size, LEADS);
      for (const [lead, received] of byLead) {
        const numbers = received.map((each) => markOf(each).number);
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
          `${path} ${lead} in order`,
        );
        const succeeded = new Set(
          received.filter(({ status }) => status === 200).map((each) => markOf(each).number),
        );
        const held = path === '/stuck' && lead === 'lead-0@x';
        assert.equal(succeeded.size, held ? 0 : EVENTS_OF_A_LEAD, `${path} ${lead}`);
        if (held) assert.deepEqual(new Set(numbers), new Set([0]), 'only the first one was tried');
      }
    }
    t.diagnostic(
      `${all} events to ${random.id} and ${stuck.id}: ${receiver.at('/random').length} and ` +
        `${receiver.at('/stuck').length} POSTs`,
    );
  });
});

/** A few at a time: this process is the receiver as well, and is to see each POST when it comes. */
async function putInAll(nodes: TestCluster['nodes'], events: number): Promise<string[]> {
  const ids: string[] = [];
  const clients = nodes.map(async (node) => {
    while (ids.length < events) {
      const at = ids.push('') - 1;
      ids[at] = await putIn(node);
    }
  });
  await Promise.all(clients);
  return ids;
}

/** Until one of the nodes has answered 202: then the lead's next event may come. */
async function putAnywhere(
  cluster: TestCluster,
  { lead, number }: Mark,
  until: number,
): Promise<void> {
  const event = {
    event_id: `${lead} ${number}`,
    event_type: 'REPLIED',
    campaign_id: 1,
    lead_email: lead,
    number,
  };
  while (performance.now() < until) {
    const node = cluster.nodes[Math.floor(Math.random() * cluster.nodes.length)];
    try {
      const response = await fetch(`${node?.url}/api/v1/events`, {
        method: 'POST',
        signal: AbortSignal.timeout(10_000),
        headers: { 'x-api-key': API_KEY, 'content-type': 'application/json' },
        body: JSON.stringify(event),
      });
      await response.arrayBuffer();
      if (response.status === 202) return;
    } catch {
      // That node is gone.
    }
    await pause(50);
  }
  assert.fail(`no node has taken ${lead} ${number}`);
}
