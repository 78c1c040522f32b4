import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CommitInDoubt,
  StoreUnavailable,
  type CommitBatch,
  type CommitResult,
} from '../../src/store/store.ts';
import { answered410, aWebhook, delivered, retryAt } from '../contract/examples.ts';
import { PostgresServer } from './postgres-server.ts';
import { TestDatabases, withClient, type TestDatabase } from './test-databases.ts';
import { TestNode } from './test-node.ts';
import { until } from './waiting.ts';

/** Commits whose answer never came: what became of them has to be told, and told rightly. */
describe('a commit whose connection broke', () => {
  let server: PostgresServer;
  let database: TestDatabase;
  let node: TestNode;

  before(async () => {
    server = await PostgresServer.start();
    database = await new TestDatabases((name) => server.url(name)).fresh();
    // Whatever a database is set to, an answered commit is on disk, and at the standby.
    await withClient(database.url, (client) =>
      client.query(`ALTER DATABASE ${database.name} SET synchronous_commit = off`),
    );
    node = await TestNode.start('node', database.url);
    await node.store.renew(60_000);
    await node.claim();
  });
  after(async () => {
    await node[Symbol.asyncDispose]();
    await server.stop('immediate');
  });

  /** A batch with a bit of everything, its result were it committed, and whether it is in the tables. */
  async function someBatch() {
    const { store } = node;
    const id = await store.createAccount('An account');
    const webhook = await node.webhook(id);
    const [retried, ended] = [await node.accept(id, [webhook]), await node.accept(id, [webhook])];
    const known = await node.accept(id, [], { callerEventId: 'known' });
    const batch: CommitBatch = {
      records: [
        node.recordOf(retried, webhook, retryAt(1_900_000_000_000)),
        node.recordOf(ended, webhook, delivered()),
      ],
      accepts: [
        await node.entry(id, [webhook], { callerEventId: 'new', campaignId: 77 }),
        await node.entry(id, [webhook], { callerEventId: 'known' }),
      ],
    };
    const result: CommitResult = {
      records: ['recorded', 'recorded'],
      accepts: [{ kind: 'accepted' }, { kind: 'duplicate', eventId: known.id, deliveries: 0 }],
      disabled: [],
    };
    const isThere = async (): Promise<boolean> => {
      const [accepted] = batch.accepts;
      assert.ok(accepted);
      const event = await store.event(id, accepted.event.id);
      const delivery = await store.delivery(id, { eventId: ended.id, webhookId: webhook.id });
      const campaign = await store.campaign(id, 77);
      const seen = [event !== undefined, delivery?.status === 'succeeded', campaign !== undefined];
      assert.equal(new Set(seen).size, 1, 'all of it or nothing');
      return event !== undefined;
    };
    return { id, webhook, batch, result, isThere };
  }

  it('before its COMMIT was sent: nothing of it is there, and nothing is in doubt', async () => {
    const { batch, isThere } = await someBatch();
    const begun = node.proxy.holdNext('BEGIN');
    const committing = node.commit(batch);
    committing.catch(() => undefined);
    (await begun).cut();
    await assert.rejects(committing, StoreUnavailable);
    assert.equal(await isThere(), false);
    assert.deepEqual((await node.commit(batch)).records, ['recorded', 'recorded']);
  });

  it('on the way of its COMMIT: it was not committed, and can be made again', async () => {
    const { batch, result, isThere } = await someBatch();
    const atCommit = node.proxy.holdNext('COMMIT');
    const committing = node.commit(batch);
    committing.catch(() => undefined);
    (await atCommit).cut();
    const doubt = await doubtOf(committing);
    assert.equal(await doubt.outcome(), null);
    assert.equal(await isThere(), false);
    assert.deepEqual(await node.commit(batch), result);
    assert.equal(await isThere(), true);
  });

  it('on the way of the answer: it was committed, and the result is what it would have been', async () => {
    const { batch, result, isThere } = await someBatch();
    const atCommit = node.proxy.holdNext('COMMIT');
    const committing = node.commit(batch);
    committing.catch(() => undefined);
    await (await atCommit).cutAfterAnswer();
    const doubt = await doubtOf(committing);
    assert.deepEqual(await doubt.outcome(), result);
    assert.deepEqual(await doubt.outcome(), result, 'however often it is asked');
    assert.equal(await isThere(), true);
  });

  it('with records only: the attempt tells', async () => {
    const { id, webhook } = await someBatch();
    for (const committed of [true, false]) {
      const event = await node.accept(id, [webhook]);
      const atCommit = node.proxy.holdNext('COMMIT');
      const committing = node.commit({ records: [node.recordOf(event, webhook, delivered())] });
      committing.catch(() => undefined);
      const request = await atCommit;
      if (committed) await request.cutAfterAnswer();
      else request.cut();
      const outcome = await (await doubtOf(committing)).outcome();
      assert.deepEqual(outcome?.records, committed ? ['recorded'] : undefined);
    }
  });

  it('with nothing in it that was stored: the result stands either way', async () => {
    const { id, webhook, batch } = await someBatch();
    const [, duplicate] = batch.accepts;
    assert.ok(duplicate);
    const stale = await node.entry(id, [webhook]);
    const atCommit = node.proxy.holdNext('COMMIT');
    const accepts = [duplicate, { ...stale, accountVersion: stale.accountVersion - 1 }];
    const committing = node.commit({ accepts });
    committing.catch(() => undefined);
    (await atCommit).cut();
    const outcome = await (await doubtOf(committing)).outcome();
    assert.deepEqual(
      outcome?.accepts.map(({ kind }) => kind),
      ['duplicate', 'stale'],
    );
  });

  it('and that disabled a webhook: told with the outcome', async () => {
    const { id, webhook } = await someBatch();
    const event = await node.accept(id, [webhook]);
    const atCommit = node.proxy.holdNext('COMMIT');
    const committing = node.commit({ records: [node.recordOf(event, webhook, answered410())] });
    committing.catch(() => undefined);
    await (await atCommit).cutAfterAnswer();
    const outcome = await (await doubtOf(committing)).outcome();
    assert.deepEqual(
      outcome?.disabled.map(({ id: disabled, status }) => [disabled, status]),
      [[webhook.id, 'disabled']],
    );
  });

  it('and a server that is away: it is asked again until it is back', async () => {
    const { batch, result, isThere } = await someBatch();
    const atCommit = node.proxy.holdNext('COMMIT');
    const committing = node.commit(batch);
    committing.catch(() => undefined);
    const request = await atCommit;
    await request.cutAfterAnswer();
    node.proxy.shut();
    const doubt = await doubtOf(committing);
    await assert.rejects(doubt.outcome(), StoreUnavailable);
    await assert.rejects(node.store.probe(), StoreUnavailable);
    node.proxy.open();
    await node.store.probe();
    assert.deepEqual(await doubt.outcome(), result);
    assert.equal(await isThere(), true);
  });

  it('and a commit that goes on at the server: nothing is told before it has ended', async () => {
    const { batch, result, isThere } = await someBatch();
    // A COMMIT waits for a standby that there is not: it is in the log, and not answered.
    await standbys('nobody');
    const doubt = await doubtOf(node.commit(batch));
    await assert.rejects(doubt.outcome(), StoreUnavailable);
    await standbys('');
    let outcome: CommitResult | null = null;
    await until('the commit has ended', async () => {
      outcome = await doubt.outcome();
      return true;
    });
    assert.deepEqual(outcome, result);
    assert.equal(await isThere(), true);
  });

  it('by a crash of the server before its COMMIT: no later transaction is taken for it', async () => {
    const { batch, isThere } = await someBatch();
    const atCommit = node.proxy.holdNext('COMMIT');
    const committing = node.commit(batch);
    committing.catch(() => undefined);
    await atCommit;
    await server.restart('immediate');
    const doubt = await doubtOf(committing);
    // Ids of transactions that the crash took out of the log are given again from here on.
    await withClient(database.url, async (client) => {
      for (let i = 0; i < 200; i += 1) await client.query('SELECT pg_current_xact_id()');
    });
    assert.equal(await doubt.outcome(), null);
    assert.equal(await isThere(), false);
  });

  it('in a change of what is registered: found out before the caller is answered', async () => {
    const id = await node.store.createAccount('An account');
    const webhooks = async (): Promise<number> =>
      (await node.store.webhooks(id, {}, { limit: 100, cursor: null })).items.length;
    const lost = node.proxy.holdNext('COMMIT');
    const refused = node.store.createWebhook(aWebhook(id), true);
    refused.catch(() => undefined);
    (await lost).cut();
    await assert.rejects(refused, StoreUnavailable);
    assert.equal(await webhooks(), 0);
    const unanswered = node.proxy.holdNext('COMMIT');
    const created = node.store.createWebhook(aWebhook(id), true);
    await (await unanswered).cutAfterAnswer();
    assert.equal((await created).kind, 'created');
    assert.equal(await webhooks(), 1);
  });

  it('in a claim of shards: it is found out, and the leases are good', async () => {
    const { id, webhook } = await someBatch();
    const event = await node.accept(id, [webhook]);
    const unanswered = node.proxy.holdNext('COMMIT');
    const claiming = node.claim();
    await (await unanswered).cutAfterAnswer();
    assert.equal((await claiming).length, 64);
    const { records } = await node.commit({
      records: [node.recordOf(event, webhook, delivered())],
    });
    assert.deepEqual(records, ['recorded']);
  });

  async function standbys(names: string): Promise<void> {
    await withClient(server.url('postgres'), async (client) => {
      await client.query(`SET synchronous_commit = 'local'`);
      await client.query(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`);
      await client.query('SELECT pg_reload_conf()');
      await until('the setting holds', async () => {
        const { rows } = await client.query(`SHOW synchronous_standby_names`);
        return rows[0]?.synchronous_standby_names === names;
      });
    });
  }
});

async function doubtOf(committing: Promise<unknown>): Promise<CommitInDoubt> {
  const error = await committing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CommitInDoubt, String(error));
  return error;
}
