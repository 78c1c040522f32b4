import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import fc from 'fast-check';
import { allThatWaits, groupCalls, type CallGroup } from '../../src/store/sqlite/call-groups.ts';
import { encodeBatch } from '../../src/store/sqlite/codec.ts';
import type { Call } from '../../src/store/sqlite/thread-protocol.ts';
import type { AcceptEntry } from '../../src/store/store.ts';
import { anEvent, aWebhook } from '../contract/examples.ts';
import { openStore } from '../engine/core-scene.ts';
import { anAccept, batchOf, transactions, whileItWrites } from './busy-writer.ts';

/** A batch with so many rows: one event, the others deliveries. */
function commitOf(rows: number): Call {
  return { kind: 'commit', batch: encodeBatch(batchOf(anAccept(1, 1, rows - 1))) };
}

const PROBE: Call = { kind: 'probe' };

/** The calls again, as they came. */
function flattened(groups: readonly CallGroup[]): unknown[] {
  return groups.flatMap((group): unknown[] => (group.kind === 'commits' ? group.batches : [group]));
}

/** The rows of the batches of each group; of what is none its kind. */
function shapeOf(groups: readonly CallGroup[]): (string | number[])[] {
  return groups.map((group) =>
    group.kind === 'commits' ? group.batches.map(({ rows }) => rows) : group.kind,
  );
}

describe('calls that wait at the writer', () => {
  it('are all taken at once, in the order in which they came', () => {
    const { port1, port2 } = new MessageChannel();
    const calls = [1, 2, 3, 4].map((limit): Call => ({ kind: 'expire', before: 1, limit }));
    const [first = PROBE, ...others] = calls;
    for (const call of others) port1.postMessage(call);
    assert.deepEqual(allThatWaits(port2, first), calls);
    assert.deepEqual(allThatWaits(port2, PROBE), [PROBE]);
    port1.close();
  });

  for (const [what, given, expected] of [
    ['commits behind one another are one group', [3, 4, 5], [[3, 4, 5]]],
    ['another call is alone, and parts them', [3, PROBE, 4, 5], [[3], 'probe', [4, 5]]],
    ['other calls are alone', [PROBE, PROBE, 1], ['probe', 'probe', [1]]],
    ['2,000 rows are one group', [1_000, 999, 1], [[1_000, 999, 1]]],
    [
      'with more the next one begins',
      [1_000, 1_000, 1, 2],
      [
        [1_000, 1_000],
        [1, 2],
      ],
    ],
    ['so it does where it would be more', [1_999, 2, 3], [[1_999], [2, 3]]],
    ['what is larger alone goes alone', [1, 2_001, 1], [[1], [2_001], [1]]],
    [
      'rows are counted anew behind another call',
      [1_999, PROBE, 2_000],
      [[1_999], 'probe', [2_000]],
    ],
  ] as [string, (Call | number)[], (string | number[])[]][]) {
    it(`are grouped: ${what}`, () => {
      const calls = given.map((call) => (typeof call === 'number' ? commitOf(call) : call));
      assert.deepEqual(shapeOf(groupCalls(calls)), expected);
    });
  }

  it('keep their order and lose none, and no group is too large', () => {
    const call = fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 1, max: 2_500 }).map(commitOf) },
      { weight: 1, arbitrary: fc.constantFrom<Call>(PROBE, { kind: 'claimShards', shards: [1] }) },
    );
    fc.assert(
      fc.property(fc.array(call, { maxLength: 12 }), (calls) => {
        const groups = groupCalls(calls);
        const given = calls.map((one) => (one.kind === 'commit' ? one.batch : one));
        const got = flattened(groups);
        assert.equal(got.length, given.length);
        got.forEach((one, i) => assert.equal(one, given[i]));
        for (const group of groups) {
          if (group.kind !== 'commits') continue;
          const rows = group.batches.reduce((sum, batch) => sum + batch.rows, 0);
          assert.ok(rows <= 2_000 || group.batches.length === 1);
        }
        for (const [i, group] of groups.entries()) {
          const next = groups[i + 1];
          if (group.kind !== 'commits' || next?.kind !== 'commits') continue;
          const batches = [...group.batches, ...next.batches.slice(0, 1)];
          const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
          assert.ok(rows > 2_000, 'what could share a group does');
        }
      }),
    );
  });
});

async function startStore() {
  const opened = await openStore();
  const { store } = opened;
  const accountId = await store.createAccount('one');
  const { version } = await store.account(accountId);
  const accepts = (count: number, at = version): AcceptEntry[] =>
    Array.from({ length: count }, () => anAccept(accountId, at));
  const stored = async (entry: AcceptEntry): Promise<boolean> =>
    (await store.event(accountId, entry.event.id)) !== undefined;
  return { ...opened, accountId, version, accepts, stored };
}
const ACCEPTED = { kind: 'accepted' };

describe('commits that wait at the writer', () => {
  it('share one transaction, each with a result of its own', async () => {
    await using at = await startStore();
    const batches = [3, 1, 2].map((count) => at.accepts(count));
    const { calls, before } = await whileItWrites(at, () =>
      batches.map((accepts) => at.store.commit(batchOf(...accepts))),
    );
    const results = await Promise.all(calls);
    assert.deepEqual(
      results.map(({ accepts }) => accepts),
      batches.map((accepts) => accepts.map(() => ACCEPTED)),
    );
    assert.equal(transactions(at.file) - before, 2, 'the first one, and one for those that waited');
    for (const entry of batches.flat()) assert.ok(await at.stored(entry));
  });

  it('are stored without the one that cannot be, which alone is refused', async () => {
    await using at = await startStore();
    const [good, bad, alsoGood] = [at.accepts(3), at.accepts(2), at.accepts(2)];
    const refused = bad.map((entry, i) => {
      return i === 0 ? entry : { ...entry, event: { ...entry.event, id: 'evt_0123' as const } };
    });
    const { calls, before } = await whileItWrites(at, () =>
      [good, refused, alsoGood].map((accepts) => at.store.commit(batchOf(...accepts))),
    );
    const [one, two, three] = await Promise.allSettled(calls);
    assert.deepEqual(
      [one?.status, two?.status, three?.status],
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.equal(two?.status === 'rejected' && (two.reason as Error).name, 'StoreRefused');
    for (const entry of [...good, ...alsoGood]) assert.ok(await at.stored(entry));
    for (const entry of bad) assert.ok(!(await at.stored(entry)), 'nothing of its batch');
    assert.equal(
      transactions(at.file) - before,
      3,
      'the first one, and one for each that could be',
    );
  });

  it('have their own answers, with other calls between them, in order', async () => {
    await using at = await startStore();
    const { store, accountId, version } = at;
    const order: string[] = [];
    const noted = <Value>(what: string, call: Promise<Value>): Promise<Value> =>
      call.finally(() => order.push(what));
    const known = anAccept(accountId, version);
    const twice = { ...known, event: { ...known.event, callerEventId: 'mine' } };
    const again = { ...twice, event: { ...twice.event, id: anEvent(accountId).id } };
    const { calls, before } = await whileItWrites(
      at,
      () =>
        [
          noted('commit', store.commit(batchOf(twice))),
          noted('commit of the same', store.commit(batchOf(again, ...at.accepts(1)))),
          noted('create', store.createWebhook(aWebhook(accountId), true)),
          noted('stale commit', store.commit(batchOf(...at.accepts(2)))),
          noted('probe', store.probe()),
          noted('commit at last', store.commit(batchOf(...at.accepts(1, version + 1)))),
        ] as const,
    );
    const [first, same, created, stale, probed, last] = await Promise.all(calls);
    assert.deepEqual(first.accepts, [ACCEPTED]);
    const duplicate = { kind: 'duplicate', eventId: twice.event.id, deliveries: 0 };
    assert.deepEqual(same.accepts, [duplicate, ACCEPTED]);
    assert.deepEqual([created.kind, created.webhook.version], ['created', version + 1]);
    assert.deepEqual(stale.accepts, [{ kind: 'stale' }, { kind: 'stale' }]);
    assert.equal(probed, undefined);
    assert.deepEqual(last.accepts, [ACCEPTED]);
    assert.deepEqual(order, [
      'commit',
      'commit of the same',
      'create',
      'stale commit',
      'probe',
      'commit at last',
    ]);
    // The large one, two that share theirs, create, probe, the last one; what is stale writes nothing.
    assert.equal(transactions(at.file) - before, 5);
  });
});
