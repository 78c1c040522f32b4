import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pg from 'pg';
import { Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { withClient } from '../postgres/test-databases.ts';
import type { HeldRequest, TcpProxy } from '../postgres/tcp-proxy.ts';
import type { ClusterNode } from './cluster-node.ts';
import { TestCluster } from './test-cluster.ts';
import { deaf, Wire } from './wire.ts';

const ROUNDS = 20;
/** Everything is looked at every 30 s: twice that, and far above it. */
const LOOK_LIMIT_MS = 90_000;

const API = { POSTHORN_ROLES: 'api' };
const WORKER = { POSTHORN_ROLES: 'worker' };

describe('a node that accepts and another one that delivers', () => {
  it('each do their part only', async () => {
    await using receiver = await Receiver.start();
    await using cluster = await TestCluster.start();
    const worker = await cluster.add({ env: WORKER });
    const api = await cluster.add({ env: API });
    await create(api, receiver.url);
    await putIn(api);
    await arrived(receiver, 1);
    const refused = await worker.call('POST', '/api/v1/events', event());
    assert.equal(refused.status, 404);
    for (const { url } of [api, worker]) assert.equal((await fetch(`${url}/readyz`)).status, 200);
    assert.deepEqual(await cluster.observer.members(), [worker.name]);
    assert.deepEqual(await cluster.observer.owned(), { [worker.name]: 64 });
    // Without the one that delivers nothing is delivered, and nothing is lost.
    await cluster.end(worker, 'SIGTERM');
    await putIn(api);
    await cluster.add({ env: WORKER });
    await arrived(receiver, 2);
  });

  it('work together without waiting: one tells the other', async () => {
    await using receiver = await Receiver.start();
    await using cluster = await TestCluster.start();
    await cluster.add({ env: WORKER });
    const api = await cluster.add({ env: API });
    await create(api, receiver.url);
    // By looking now and then alone this would take ten minutes.
    for (let i = 1; i <= ROUNDS; i += 1) {
      await putIn(api);
      await arrived(receiver, i);
    }
  });

  it('work together though what one said was lost with the other’s connection', async () => {
    await using receiver = await Receiver.start();
    await using cluster = await TestCluster.start();
    const worker = await cluster.add({ env: WORKER });
    const api = await cluster.add({ env: API });
    await create(api, receiver.url);
    await putIn(api);
    await arrived(receiver, 1);
    await using heard = await Heard.start(cluster.databaseUrl);
    let listening: HeldRequest | undefined;
    void worker.proxy.holdNext('LISTEN posthorn').then((request) => (listening = request));
    worker.proxy.cutAll();
    const request = await waitFor('it is about to listen again', () => listening);
    await putIn(api);
    await waitFor('it was said', () => heard.signals > 0);
    request.release();
    await arrived(receiver, 2);
  });
});

describe('a node that', { concurrency: true }, () => {
  it('hears nothing looks now and then at what others have accepted', async (t) => {
    await using receiver = await Receiver.start();
    await using cluster = await TestCluster.start();
    await using way = await Wire.start(cluster.databaseUrl, deaf);
    const worker = await cluster.add({ env: WORKER, databaseUrl: way.url });
    const api = await cluster.add({ env: API });
    await create(api, receiver.url);
    await listens(cluster.databaseUrl, 'nothing_');
    const acceptedAt = Date.now();
    await putIn(api);
    await arrived(receiver, 1, LOOK_LIMIT_MS);
    t.diagnostic(`found after ${Date.now() - acceptedAt} ms`);
    await cluster.end(worker, 'SIGTERM');
  });

  it('cannot listen at all looks now and then at what others have accepted', async (t) => {
    await using receiver = await Receiver.start();
    await using cluster = await TestCluster.start();
    await cluster.add({ env: WORKER, prepare: (proxy) => void deafen(proxy) });
    const api = await cluster.add({ env: API });
    await create(api, receiver.url);
    const acceptedAt = Date.now();
    await putIn(api);
    await arrived(receiver, 1, LOOK_LIMIT_MS);
    t.diagnostic(`found after ${Date.now() - acceptedAt} ms`);
  });
});

/** What nodes say to one another, as another one hears it. */
class Heard implements AsyncDisposable {
  signals = 0;
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
    client.on('notification', () => (this.signals += 1));
  }

  static async start(url: string): Promise<Heard> {
    const client = new pg.Client(url);
    client.on('error', () => undefined);
    await client.connect();
    await client.query('LISTEN posthorn');
    return new Heard(client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end();
  }
}

function listens(url: string, channel: string): Promise<unknown> {
  return withClient(url, (client) =>
    waitFor(`somebody listens to ${channel}`, async () => {
      const sql = `SELECT 1 FROM pg_stat_activity WHERE query = $1 AND state = 'idle'`;
      return (await client.query(sql, [`LISTEN ${channel}`])).rows.length > 0;
    }),
  );
}

function arrived(receiver: Receiver, count: number, limitMs?: number): Promise<unknown> {
  const isThere = (): boolean => receiver.received.length >= count;
  return waitFor(`${count} have arrived`, isThere, limitMs);
}

async function create(at: ClusterNode, url: string): Promise<void> {
  const body = { webhook_url: url, association_type: 1 };
  assert.equal((await at.call('POST', '/api/v1/webhook/create', body)).status, 200);
}

async function putIn(at: ClusterNode): Promise<void> {
  assert.equal((await at.call('POST', '/api/v1/events', event())).status, 202);
}

function event(): Record<string, unknown> {
  return { event_type: 'REPLIED', campaign_id: 1, lead_email: 'lead@example.com' };
}

/** Keeps a node from ever listening. */
async function deafen(proxy: TcpProxy): Promise<never> {
  for (;;) (await proxy.holdNext('LISTEN posthorn')).cut();
}
