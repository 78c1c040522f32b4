import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Agent, request } from 'undici';
import { API_KEY } from '../e2e/posthorn-process.ts';
import { Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { TestCluster } from './test-cluster.ts';
import { StatementCount, Wire } from './wire.ts';

const CLIENTS = 64;
const EVENTS = 3_000;
const WARM_UP = 500;
const MAX_STATEMENTS = 0.2;
const MAX_COMMITS = 0.1;

for (const nodes of [1, 3]) {
  it(`shares statements and commits between many deliveries, on ${nodes} node(s)`, async (t) => {
    await using receiver = await Receiver.start();
    await using cluster = await TestCluster.start({ LOG_LEVEL: 'warn' });
    const count = new StatementCount();
    await using way = await Wire.start(cluster.databaseUrl, count.reader);
    for (let i = 0; i < nodes; i += 1) await cluster.add({ databaseUrl: way.url });
    const { observer } = cluster;
    await waitFor(
      'all own shards',
      async () => Object.keys(await observer.owned()).length === nodes,
    );
    const [node] = cluster.nodes;
    assert.ok(node);
    for (let i = 0; i < nodes; i += 1) {
      const body = { webhook_url: `${receiver.url}/${i}`, association_type: 1 };
      assert.equal((await node.call('POST', '/api/v1/webhook/create', body)).status, 200);
    }
    const delivered = async (events: number): Promise<void> => {
      const before = receiver.received.length;
      await putIn(node.url, events);
      await waitFor('all have arrived', () => receiver.received.length >= before + events * nodes);
      await waitFor('all is recorded', async () => (await observer.pendingDeliveries()) === 0);
    };
    await delivered(WARM_UP);
    const { statements: statementsBefore, commits: commitsBefore } = count;
    const logBefore = await observer.logPosition();
    await delivered(EVENTS);
    const deliveries = EVENTS * nodes;
    const statements = (count.statements - statementsBefore) / deliveries;
    const commits = (count.commits - commitsBefore) / deliveries;
    const written = ((await observer.logPosition()) - logBefore) / deliveries;
    t.diagnostic(
      `for each delivery: ${statements.toFixed(3)} statements, ${commits.toFixed(3)} commits, ` +
        `${written.toFixed(0)} bytes of log`,
    );
    assert.ok(statements <= MAX_STATEMENTS, `${statements} statements for a delivery`);
    assert.ok(commits <= MAX_COMMITS, `${commits} commits for a delivery`);
  });
}

/** As many calls at once as there are clients, one event each. */
async function putIn(url: string, events: number): Promise<void> {
  const agent = new Agent({ connections: CLIENTS, pipelining: 1 });
  let left = events;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await putInOne(url, agent, left);
    }
  };
  try {
    await Promise.all(Array.from({ length: CLIENTS }, client));
  } finally {
    await agent.close();
  }
}

async function putInOne(url: string, agent: Agent, number: number): Promise<void> {
  const { statusCode, body } = await request(`${url}/api/v1/events`, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'x-api-key': API_KEY, 'content-type': 'application/json' },
    body: JSON.stringify({
      event_type: 'REPLIED',
      campaign_id: 1,
      lead_email: `lead-${number}@example.com`,
      subject: 'About your question',
      message: 'Thank you for your answer. '.repeat(10),
    }),
  });
  await body.dump();
  assert.equal(statusCode, 202);
}
