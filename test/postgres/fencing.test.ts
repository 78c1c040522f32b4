import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { CommitInDoubt } from '../../src/store/store.ts';
import { delivered, retryAt } from '../contract/examples.ts';
import { withClient, type TestDatabase } from './test-databases.ts';
import type { TestNode } from './test-node.ts';
import { TTL_MS, TwoOwners } from './two-owners.ts';
import { untilSomeoneWaits } from './waiting.ts';

/**
 * One delivery and two nodes: `old` owns its shard and is about to record an attempt; `next` takes
 * the shard over. Each test is one order in which their statements reach the database.
 */
describe('a shard taken over while its owner records', () => {
  let owners: TwoOwners;
  let database: TestDatabase;
  let old: TestNode;
  let next: TestNode;
  let webhook: Webhook;
  let event: AcceptedEvent;

  before(async () => {
    owners = await TwoOwners.start();
    ({ database, old, next } = owners);
  });
  after(() => owners[Symbol.asyncDispose]());

  async function begin(): Promise<void> {
    ({ webhook, event } = await owners.begin());
  }

  const shardTaken = async (): Promise<void> => {
    const leases = await next.claim([webhook.id % 64]);
    assert.equal(leases.length, 1);
  };

  /** What is in the tables, however it came there. */
  async function rows(): Promise<{ pending: number; ended: number; attempts: number }> {
    return withClient(database.url, async (client) => {
      const { rows } = await client.query(
        `SELECT (SELECT count(*)::int FROM queue WHERE event_id = $1::uuid) AS pending,
           (SELECT count(*)::int FROM delivery WHERE event_id = $1::uuid) AS ended,
           (SELECT count(*)::int FROM attempt WHERE event_id = $1::uuid) AS attempts`,
        [event.id.slice(4)],
      );
      return rows[0] as { pending: number; ended: number; attempts: number };
    });
  }

  const dueAtNext = async (): Promise<number> =>
    (await next.store.due(webhook.id, Date.now() + TTL_MS, 10)).deliveries.length;

  const recordOfNext = async (): Promise<unknown> =>
    (await next.commit({ records: [next.recordOf(event, webhook, delivered())] })).records;

  it('before the record: it is refused', async () => {
    await begin();
    const record = old.recordOf(event, webhook, delivered());
    await shardTaken();
    assert.deepEqual((await old.commit({ records: [record] })).records, ['not_owner']);
    assert.deepEqual(await rows(), { pending: 1, ended: 0, attempts: 0 });
    assert.equal(await dueAtNext(), 1);
    assert.deepEqual(await recordOfNext(), ['recorded']);
    assert.deepEqual(await rows(), { pending: 0, ended: 1, attempts: 1 });
  });

  it('while the record is on its way to the database: it is refused', async () => {
    await begin();
    const onItsWay = old.proxy.holdNext('BEGIN');
    const recording = old.commit({ records: [old.recordOf(event, webhook, delivered())] });
    const request = await onItsWay;
    await shardTaken();
    assert.equal(await dueAtNext(), 1);
    request.release();
    assert.deepEqual((await recording).records, ['not_owner']);
    assert.deepEqual(await rows(), { pending: 1, ended: 0, attempts: 0 });
  });

  it('while the record waits to be committed: the takeover waits, and then sees it', async () => {
    await begin();
    const atCommit = old.proxy.holdNext('COMMIT');
    const recording = old.commit({ records: [old.recordOf(event, webhook, delivered())] });
    const request = await atCommit;
    let taken = false;
    const taking = shardTaken().then(() => (taken = true));
    await untilSomeoneWaits(database.url);
    assert.equal(taken, false);
    request.release();
    assert.deepEqual((await recording).records, ['recorded']);
    await taking;
    assert.equal(await dueAtNext(), 0, 'what the former owner ended is not sent again');
    assert.deepEqual(await recordOfNext(), ['gone']);
    assert.deepEqual(await rows(), { pending: 0, ended: 1, attempts: 1 });
  });

  it('while a retry waits to be committed: the takeover sees the attempt that was made', async () => {
    await begin();
    const at = Date.now() + TTL_MS;
    const atCommit = old.proxy.holdNext('COMMIT');
    const recording = old.commit({ records: [old.recordOf(event, webhook, retryAt(at))] });
    const request = await atCommit;
    const taking = shardTaken();
    await untilSomeoneWaits(database.url);
    request.release();
    assert.deepEqual((await recording).records, ['recorded']);
    await taking;
    const { deliveries } = await next.store.due(webhook.id, at, 10);
    assert.deepEqual(
      deliveries.map(({ attemptCount }) => attemptCount),
      [1],
    );
    assert.deepEqual(await recordOfNext(), ['gone'], 'attempt 1 is there already');
  });

  it('by a claim that waits to be committed: the record waits, and is refused', async () => {
    await begin();
    const record = old.recordOf(event, webhook, delivered());
    const atCommit = next.proxy.holdNext('COMMIT');
    const taking = shardTaken();
    const claim = await atCommit;
    const recording = old.commit({ records: [record] });
    await untilSomeoneWaits(database.url);
    claim.release();
    await taking;
    assert.deepEqual((await recording).records, ['not_owner']);
    assert.equal(await dueAtNext(), 1);
    assert.deepEqual(await recordOfNext(), ['recorded']);
    assert.deepEqual(await rows(), { pending: 0, ended: 1, attempts: 1 });
  });

  it('by a claim that is not committed in the end: the record holds', async () => {
    await begin();
    const record = old.recordOf(event, webhook, delivered());
    const atCommit = next.proxy.holdNext('COMMIT');
    const taking = next.store.claimShards([webhook.id % 64]);
    taking.catch(() => undefined);
    const claim = await atCommit;
    const recording = old.commit({ records: [record] });
    await untilSomeoneWaits(database.url);
    claim.cut();
    await assert.rejects(taking);
    assert.deepEqual((await recording).records, ['recorded']);
    assert.deepEqual(await rows(), { pending: 0, ended: 1, attempts: 1 });
  });

  it('when the owner dies before its commit: nothing of the record is there', async () => {
    await begin();
    const atCommit = old.proxy.holdNext('COMMIT');
    const recording = old.commit({ records: [old.recordOf(event, webhook, delivered())] });
    recording.catch(() => undefined);
    const request = await atCommit;
    const taking = shardTaken();
    await untilSomeoneWaits(database.url);
    request.cut();
    await taking;
    const doubt = await recording.catch((error: unknown) => error);
    assert.ok(doubt instanceof CommitInDoubt);
    assert.equal(await doubt.outcome(), null);
    assert.equal(await dueAtNext(), 1);
    assert.deepEqual(await recordOfNext(), ['recorded']);
    assert.deepEqual(await rows(), { pending: 0, ended: 1, attempts: 1 });
  });

  it('when the owner is frozen before its commit: the database ends its transaction', async () => {
    await begin();
    const atCommit = old.proxy.holdNext('COMMIT');
    const recording = old.commit({ records: [old.recordOf(event, webhook, delivered())] });
    recording.catch(() => undefined);
    const request = await atCommit;
    await shardTaken();
    assert.deepEqual(await recordOfNext(), ['recorded']);
    request.release();
    const doubt = await recording.catch((error: unknown) => error);
    assert.ok(doubt instanceof CommitInDoubt);
    assert.equal(await doubt.outcome(), null);
    const again = await old.commit({ records: [old.recordOf(event, webhook, delivered())] });
    assert.deepEqual(again.records, ['not_owner']);
    assert.deepEqual(await rows(), { pending: 0, ended: 1, attempts: 1 });
  });

  it('and recorded by the new one, not yet committed: the stale record is refused at once', async () => {
    await begin();
    const stale = old.recordOf(event, webhook, delivered());
    await shardTaken();
    const atCommit = next.proxy.holdNext('COMMIT');
    const recording = recordOfNext();
    const request = await atCommit;
    assert.deepEqual((await old.commit({ records: [stale] })).records, ['not_owner']);
    request.release();
    assert.deepEqual(await recording, ['recorded']);
    assert.deepEqual(await rows(), { pending: 0, ended: 1, attempts: 1 });
  });

  it('while the record waits for a row of the delivery: the takeover waits for both', async () => {
    await begin();
    await withClient(database.url, async (client) => {
      await client.query('BEGIN');
      await client.query('SELECT FROM queue WHERE event_id = $1 FOR UPDATE', [event.id.slice(4)]);
      const recording = old.commit({ records: [old.recordOf(event, webhook, delivered())] });
      await untilSomeoneWaits(database.url, 1);
      const taking = shardTaken();
      await untilSomeoneWaits(database.url, 2);
      await client.query('COMMIT');
      assert.deepEqual((await recording).records, ['recorded']);
      await taking;
    });
    assert.equal(await dueAtNext(), 0);
    assert.deepEqual(await rows(), { pending: 0, ended: 1, attempts: 1 });
  });

  for (const how of ['gives the shard up', 'leaves']) {
    it(`after its owner ${how} while the record waits to be committed: that waits too`, async () => {
      await begin();
      await old.store.renew(TTL_MS);
      const lease = old.lease(webhook);
      const atCommit = old.proxy.holdNext('COMMIT');
      const recording = old.commit({ records: [old.recordOf(event, webhook, delivered())] });
      const request = await atCommit;
      const going = how === 'leaves' ? old.store.leave() : old.store.releaseShards([lease]);
      await untilSomeoneWaits(database.url, 1);
      const taking = shardTaken();
      await untilSomeoneWaits(database.url, 2);
      request.release();
      await going;
      await taking;
      assert.deepEqual((await recording).records, ['recorded']);
      assert.equal(await dueAtNext(), 0);
      assert.deepEqual(await recordOfNext(), ['gone']);
      assert.deepEqual(await rows(), { pending: 0, ended: 1, attempts: 1 });
    });
  }

  it('and back: an epoch is never given twice', async () => {
    await begin();
    const first = old.lease(webhook);
    await shardTaken();
    const second = next.lease(webhook);
    await next.store.releaseShards([second]);
    await old.store.renew(TTL_MS);
    const [third] = await old.claim([webhook.id % 64]);
    assert.ok(third && first.epoch < second.epoch && second.epoch < third.epoch);
    const stale = { ...next.recordOf(event, webhook, delivered()), lease: second };
    assert.deepEqual((await next.commit({ records: [stale] })).records, ['not_owner']);
  });
});
