import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { CommitInDoubt, type CommitResult } from '../../src/store/store.ts';
import { delivered, retryAt, type Ending } from '../contract/examples.ts';
import type { HeldRequest, TcpProxy } from './tcp-proxy.ts';
import { withClient, type TestDatabase } from './test-databases.ts';
import type { TestNode } from './test-node.ts';
import { TwoOwners } from './two-owners.ts';
import { until } from './waiting.ts';

const LATER = Date.now() + 3_600_000;

/** What of a transaction reaches the database: its statements, then its commit. */
type Step = 'record' | 'commit of the record' | 'takeover' | 'commit of the takeover';

/** Every order in which the steps of two transactions can be sent. */
const ORDERS: readonly (readonly Step[])[] = [
  ['record', 'commit of the record', 'takeover', 'commit of the takeover'],
  ['record', 'takeover', 'commit of the record', 'commit of the takeover'],
  ['record', 'takeover', 'commit of the takeover', 'commit of the record'],
  ['takeover', 'record', 'commit of the record', 'commit of the takeover'],
  ['takeover', 'record', 'commit of the takeover', 'commit of the record'],
  ['takeover', 'commit of the takeover', 'record', 'commit of the record'],
];

/** How a commit ends: as it should, before it reached the database, or after it without an answer. */
const ENDS = ['answered', 'cut off', 'unheard'] as const;
type End = (typeof ENDS)[number];

const ENDINGS: Readonly<Record<string, Ending>> = {
  success: delivered(),
  retry: retryAt(LATER),
};

/** A transaction that is held before its statements, and again before its commit. */
class Held<Result> {
  readonly result: Promise<Result>;
  state: 'held' | 'running' | 'done' = 'held';
  readonly #end: End;
  readonly #begin: Promise<HeldRequest>;
  readonly #commit: Promise<HeldRequest>;

  constructor(proxy: TcpProxy, end: End, begin: () => Promise<Result>) {
    this.#end = end;
    this.#begin = proxy.holdNext('BEGIN');
    this.#commit = proxy.holdNext('COMMIT');
    this.result = begin().finally(() => (this.state = 'done'));
    this.result.catch(() => undefined);
    void this.#commit.then(() => (this.state = 'held'));
  }

  /** Resolves when it is on its way; what it waits for there is not waited for here. */
  async send(): Promise<void> {
    const request = await this.#begin;
    this.state = 'running';
    request.release();
  }

  /** As soon as it wants to. */
  commit(): void {
    void this.#commit.then((request) => this.#go(request));
  }

  async #go(request: HeldRequest): Promise<void> {
    if (this.state !== 'done') this.state = 'running';
    if (this.#end === 'answered') request.release();
    if (this.#end === 'cut off') request.cut();
    if (this.#end === 'unheard') await request.cutAfterAnswer();
  }
}

describe('a record and a takeover of its shard', () => {
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

  /** Resolves when everything that was sent has got as far as it can: done, held, or behind a lock. */
  async function settled(...sent: readonly Held<unknown>[]): Promise<void> {
    await withClient(database.url, (client) =>
      until('nothing moves', async () => {
        const { rows } = await client.query(
          `SELECT 1 FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return sent.filter(({ state }) => state === 'running').length === rows.length;
      }),
    );
  }

  /** What is in the tables of the delivery. */
  async function rows(): Promise<string> {
    return withClient(database.url, async (client) => {
      const { rows } = await client.query(
        `SELECT (SELECT json_agg(q) FROM queue q WHERE event_id = $1::uuid) AS pending,
           (SELECT json_agg(d) FROM delivery d WHERE event_id = $1::uuid) AS ended,
           (SELECT json_agg(a ORDER BY number) FROM attempt a WHERE event_id = $1::uuid) AS attempts`,
        [event.id.slice(4)],
      );
      return JSON.stringify(rows[0]);
    });
  }

  async function attempts(): Promise<number> {
    const { attempts } = JSON.parse(await rows()) as { attempts: unknown[] | null };
    return attempts?.length ?? 0;
  }

  /** What the next owner sees when it has the shard; undefined where it did not get it. */
  async function seenBy(takeover: Held<readonly unknown[]>): Promise<string | undefined> {
    const leases = await takeover.result.catch(() => []);
    return leases.length === 1 ? rows() : undefined;
  }

  async function inOrder(order: readonly Step[], ending: Ending, ends: Record<string, End>) {
    await begin();
    const entry = old.recordOf(event, webhook, ending);
    const record = new Held(old.proxy, ends['record'] ?? 'answered', () =>
      old.commit({ records: [entry] }),
    );
    const takeover = new Held(next.proxy, ends['takeover'] ?? 'answered', () =>
      next.claim([webhook.id % 64]),
    );
    const seen = seenBy(takeover);
    const told = toldOf(record.result);
    for (const step of order) {
      if (step === 'record') await record.send();
      if (step === 'takeover') await takeover.send();
      if (step === 'commit of the record') record.commit();
      if (step === 'commit of the takeover') takeover.commit();
      await settled(record, takeover);
    }
    return { told: await told, seen: await seen };
  }

  for (const order of ORDERS) {
    it(`in the order ${order.join(', ')}: one of them records`, async () => {
      for (const recordEnds of ENDS) {
        for (const takeoverEnds of ENDS) {
          for (const [name, ending] of Object.entries(ENDINGS)) {
            const what = `${name}, record ${recordEnds}, takeover ${takeoverEnds}`;
            const ends = { record: recordEnds, takeover: takeoverEnds };
            const { told, seen } = await inOrder(order, ending, ends);
            const taken = seen !== undefined;
            const first = order[0] === 'record' || !taken;
            const stored = first && recordEnds !== 'cut off';
            assert.equal(taken, takeoverEnds !== 'cut off', what);
            // Cut off, nothing was stored either way: one that was refused may be told of it.
            if (stored) assert.equal(told, 'recorded', what);
            else assert.ok(told === null || told === 'not_owner', `${what}: told ${told}`);
            assert.equal(await attempts(), stored ? 1 : 0, what);
            if (!taken) continue;
            // From the moment it has the shard nobody else changes what it sees.
            assert.equal(await rows(), seen, what);
            await nextGoesOn(stored, ending, what);
          }
        }
      }
    });
  }

  /** The new owner sends what it finds due, and records it: once more only if nothing was recorded. */
  async function nextGoesOn(stored: boolean, ending: Ending, what: string): Promise<void> {
    const { deliveries } = await next.store.due(webhook.id, LATER, 10);
    const pending = !stored || ending.next.status === 'pending';
    const counts = deliveries.map(({ attemptCount }) => attemptCount);
    assert.deepEqual(counts, pending ? [stored ? 1 : 0] : [], what);
    const first = await next.commit({ records: [next.recordOf(event, webhook, delivered(1))] });
    assert.deepEqual(first.records, [stored ? 'gone' : 'recorded'], what);
    if (stored && pending) {
      const second = await next.commit({ records: [next.recordOf(event, webhook, delivered(2))] });
      assert.deepEqual(second.records, ['recorded'], what);
    }
    assert.equal(await attempts(), stored && pending ? 2 : 1, what);
    const late = await old.commit({ records: [old.recordOf(event, webhook, delivered(1))] });
    assert.deepEqual(late.records, ['not_owner'], what);
  }
});

/** What its owner is told, or finds out where it heard nothing; null: nothing was stored. */
async function toldOf(record: Promise<CommitResult>): Promise<string | null> {
  try {
    return (await record).records[0] ?? null;
  } catch (error) {
    assert.ok(error instanceof CommitInDoubt, String(error));
    return (await error.outcome())?.records[0] ?? null;
  }
}
