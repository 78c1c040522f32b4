import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { EventId } from '../../src/domain/ids.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { CommitInDoubt, StoreUnavailable, type CommitResult } from '../../src/store/store.ts';
import { anEvent } from '../contract/examples.ts';
import { PostgresServer, type StopMode } from './postgres-server.ts';
import { TestDatabases, withClient, type TestDatabase } from './test-databases.ts';
import { TestNode } from './test-node.ts';
import { until } from './waiting.ts';

const RESTARTS: readonly StopMode[] = ['immediate', 'fast', 'immediate', 'fast', 'immediate'];

describe('a server that goes away', () => {
  let server: PostgresServer;
  let database: TestDatabase;
  let node: TestNode;
  let id: number;
  let webhook: Webhook;

  before(async () => {
    server = await PostgresServer.start();
    database = await new TestDatabases((name) => server.url(name)).fresh();
    node = await TestNode.start('node', database.url);
    await node.claim();
    id = await node.store.createAccount('An account');
    webhook = await node.webhook(id);
  });
  after(async () => {
    await node[Symbol.asyncDispose]();
    await server.stop('immediate');
  });

  /** What the commit loop does: asks what became of a commit in doubt until it is told. */
  async function commitOne(): Promise<{ id: EventId; accepted: boolean }> {
    const entry = await node.entry(id, [webhook]);
    let result: CommitResult | null = null;
    try {
      result = await node.commit({ accepts: [entry] });
    } catch (error) {
      if (error instanceof CommitInDoubt) result = await told(error);
      else if (!(error instanceof StoreUnavailable)) throw error;
    }
    return { id: entry.event.id, accepted: result !== null };
  }

  it('in the middle of commits, again and again: what was answered is there, and nothing else', async () => {
    const accepted = new Set<EventId>();
    const restarting = new AbortController();
    let answered = 0;
    const committing = (async () => {
      while (!restarting.signal.aborted) {
        const done = await whereAvailable(commitOne);
        if (done?.accepted) {
          accepted.add(done.id);
          answered += 1;
        }
      }
    })();
    for (const mode of RESTARTS) {
      const before = answered;
      await until('commits go through', () => answered > before + 20);
      await server.restart(mode);
    }
    restarting.abort();
    await committing;
    const stored = await withClient(database.url, async (client) => {
      const { rows } = await client.query<{ id: string }>('SELECT id::text AS id FROM event');
      return new Set(rows.map((row) => `evt_${row.id.replaceAll('-', '')}`));
    });
    assert.deepEqual(
      [...accepted].filter((event) => !stored.has(event)),
      [],
      'answered and lost',
    );
    assert.deepEqual(
      [...stored].filter((event) => !accepted.has(event as EventId)),
      [],
      'not told',
    );
  });

  it('refuses for now every call meanwhile, and works afterwards by itself', async () => {
    await server.stop('fast');
    const entry = { event: anEvent(id), accountVersion: 1, deliveries: [] };
    const calls: readonly (() => Promise<unknown>)[] = [
      () => node.commit({ accepts: [entry] }),
      () => node.store.probe(),
      () => node.store.due(webhook.id, Date.now(), 10),
      () => node.store.events(id, {}, { limit: 10, cursor: null }),
      () => node.store.renew(1_000),
      () => node.store.claimShards([1]),
      () => node.store.expire(0, 10),
    ];
    for (const call of calls) await assert.rejects(call(), StoreUnavailable, String(call));
    await server.start();
    await node.store.probe();
    for (const call of calls) await call();
  });

  it('and comes back as a standby, which takes no changes: it counts as away', async () => {
    await readOnly(true);
    const entry = await node.entry(id, []);
    const refused = { name: 'StoreUnavailable', message: /read-only/ };
    await assert.rejects(node.store.probe(), refused);
    await assert.rejects(node.commit({ accepts: [entry] }), refused);
    await assert.rejects(node.store.createAccount('Another'), refused);
    await readOnly(false);
    await node.store.probe();
    assert.equal((await commitOne()).accepted, true);
  });

  it('or hangs without a word: every call comes to an end', async () => {
    const entry = await node.entry(id, [webhook]);
    node.proxy.silent = true;
    const committing = node.commit({ accepts: [entry] });
    const calls = [committing, node.store.account(id), node.store.renew(1_000)];
    for (const call of calls) call.catch(() => undefined);
    for (const call of calls) await assert.rejects(call, StoreUnavailable);
    await assert.rejects(node.store.probe(), StoreUnavailable, 'no new connection either');
    node.proxy.silent = false;
    node.proxy.cutAll();
    await until('it works again', async () => {
      return (await whereAvailable(async () => (await node.store.probe(), true))) ?? false;
    });
    assert.deepEqual((await node.commit({ accepts: [entry] })).accepts, [{ kind: 'accepted' }]);
  });

  it('or is replaced without a word: after one call that came to an end the others work', async () => {
    await node.store.probe();
    await Promise.all(Array.from({ length: 20 }, () => node.store.account(id)));
    node.proxy.silenceConnections();
    const read = (): Promise<unknown> => node.store.account(id);
    await assert.rejects(read(), StoreUnavailable);
    await Promise.all(Array.from({ length: 20 }, read));
    await assert.rejects(node.store.probe(), StoreUnavailable);
    assert.equal((await commitOne()).accepted, true);
  });

  it('or hangs in the middle of a commit: in doubt, and told afterwards', async () => {
    const entry = await node.entry(id, [webhook]);
    const atCommit = node.proxy.holdNext('COMMIT');
    const committing = node.commit({ accepts: [entry] });
    await atCommit;
    const doubt = await committing.catch((error: unknown) => error);
    assert.ok(doubt instanceof CommitInDoubt);
    assert.equal(await told(doubt), null);
  });

  it('or is stopped as a whole: the same', async () => {
    await node.store.probe();
    const entry = await node.entry(id, [webhook]);
    server.signalSessions('SIGSTOP');
    const error = await node.commit({ accepts: [entry] }).catch((reason: unknown) => reason);
    server.signalSessions('SIGCONT');
    assert.ok(error instanceof StoreUnavailable, String(error));
    await until('it works again', async () => (await commitOne()).accepted);
    // What it was sent before it stopped it has not committed.
    assert.equal(await node.store.event(id, entry.event.id), undefined);
  });

  /** What a session meets on a standby: it can read, and not write. */
  async function readOnly(on: boolean): Promise<void> {
    await withClient(server.url('postgres'), async (client) => {
      await client.query(`ALTER SYSTEM SET default_transaction_read_only = ${on ? 'on' : 'off'}`);
      await client.query('SELECT pg_reload_conf()');
      await until('the setting holds', async () => {
        const { rows } = await client.query('SHOW default_transaction_read_only');
        return rows[0]?.default_transaction_read_only === (on ? 'on' : 'off');
      });
    });
    node.proxy.cutAll();
    // The connections that were cut are noticed, and made again.
    await whereAvailable(() => node.store.probe());
    await until(
      'it reads',
      async () => (await whereAvailable(() => node.store.accounts())) !== undefined,
    );
  }
});

async function told(doubt: CommitInDoubt): Promise<CommitResult | null> {
  let outcome: CommitResult | null = null;
  await until('the outcome is told', async () => {
    try {
      outcome = await doubt.outcome();
      return true;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      return false;
    }
  });
  return outcome;
}

async function whereAvailable<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreUnavailable) return undefined;
    throw error;
  }
}
