import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  StoreBroken,
  StoreUnavailable,
  type CommitBatch,
  type CommitResult,
  type CommitStore,
  type RecordEntry,
} from '../../src/store/store.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { lockOf } from './core-scene.ts';
import { startLoop, turn, whyNot } from './loop-scene.ts';
import { Gate } from './running-core.ts';
import { accepting, recording } from './settled.ts';

/**
 * Does its commits at once, or fails them; of each it tells when its gate opens. Gates are made in
 * advance: of what comes behind them it tells at once.
 */
class HeldStore {
  readonly gates: readonly Gate[];
  most = 0;
  results = 0;
  #underWay = 0;
  #begun = 0;
  readonly #failures: ReadonlyMap<number, Error>;

  constructor(gates: number, failures: Readonly<Record<number, Error>> = {}) {
    this.gates = Array.from({ length: gates }, () => new Gate());
    this.#failures = new Map(Object.entries(failures).map(([at, error]) => [Number(at), error]));
  }

  /** @param commitsAtOnce as the store says where it is not given */
  readonly around =
    (commitsAtOnce?: number) =>
    (store: CommitStore): Partial<CommitStore> => ({
      commitsAtOnce: commitsAtOnce ?? store.commitsAtOnce,
      commit: (batch) => this.#commit(store, batch),
    });

  open(): void {
    for (const gate of this.gates) gate.open();
  }

  async #commit(store: CommitStore, batch: CommitBatch): Promise<CommitResult> {
    const at = this.#begun;
    this.#begun += 1;
    this.#underWay += 1;
    this.most = Math.max(this.most, this.#underWay);
    const failure = this.#failures.get(at);
    const committing = failure ? Promise.reject(failure) : store.commit(batch);
    await Promise.allSettled([committing, this.gates[at]?.opened]);
    this.#underWay -= 1;
    this.results += 1;
    return committing;
  }
}

type At = Awaited<ReturnType<typeof startLoop>>;

function acceptsOf({ commits }: At): number[] {
  return commits.map(({ accepts }) => accepts.length);
}

/** Puts one event in, in a turn of its own. */
async function acceptNext(at: At): ReturnType<typeof startedAccept> {
  const started = startedAccept(at);
  await turn();
  return started;
}

async function startedAccept(at: At) {
  const entry = at.entry();
  return { id: entry.event.id, ending: accepting(at.loop, entry) };
}

describe('while a commit is at the store', () => {
  for (const commitsAtOnce of [1, 2, 4]) {
    it(`each turn's entries go there at its end, up to ${commitsAtOnce} commits at once`, async () => {
      const held = new HeldStore(commitsAtOnce);
      await using at = await startLoop(held.around(commitsAtOnce));
      const calls: Promise<unknown>[] = [];
      const full = Array.from({ length: commitsAtOnce }, () => 3);
      for (let i = 1; i <= commitsAtOnce + 3; i += 1) {
        calls.push(...Array.from({ length: 3 }, () => accepting(at.loop, at.entry())));
        assert.deepEqual(acceptsOf(at), full.slice(0, i - 1), 'not before the turn ends');
        await turn();
        assert.deepEqual(acceptsOf(at), full.slice(0, i));
      }
      held.open();
      await Promise.all(calls);
      assert.deepEqual(acceptsOf(at), [...full, 9], 'the rest have gathered in one');
      assert.equal(held.most, commitsAtOnce);
    });
  }

  it('that has 500 rows to write, nothing more goes there', async () => {
    const held = new HeldStore(1);
    await using at = await startLoop(held.around());
    const many = Array.from({ length: 500 }, (_, i) => ({ webhookId: i + 1, webhookVersion: 1 }));
    const calls = [accepting(at.loop, at.entry(many))];
    await turn();
    for (let i = 0; i < 3; i += 1) {
      calls.push(accepting(at.loop, at.entry()));
      await turn();
    }
    assert.deepEqual(acceptsOf(at), [1]);
    held.open();
    await Promise.all(calls);
    assert.deepEqual(acceptsOf(at), [1, 3]);
  });

  it('a result lets one commit more go, before those who waited for it are told', async () => {
    const held = new HeldStore(4);
    await using at = await startLoop(held.around(2));
    let seen = 0;
    at.loop.accept(at.entry(), () => (seen = at.commits.length));
    await turn();
    const calls = [await acceptNext(at), await acceptNext(at), await acceptNext(at)];
    assert.deepEqual(acceptsOf(at), [1, 1]);
    held.gates[0]?.open();
    await waitFor('the first one’s answer', () => seen);
    assert.equal(seen, 3);
    await turn();
    assert.deepEqual(acceptsOf(at), [1, 1, 2]);
    held.open();
    await Promise.all(calls.map(({ ending }) => ending));
    assert.equal(held.most, 2);
  });
});

describe('callers', () => {
  it('are told in the order of the commits, also where results come in another one', async () => {
    const held = new HeldStore(4);
    await using at = await startLoop(held.around());
    const order: number[] = [];
    const ids: string[] = [];
    for (let i = 0; i < 4; i += 1) {
      const { id, ending } = await acceptNext(at);
      ids.push(id);
      void ending.then(() => order.push(i));
    }
    assert.equal(at.commits.length, 4);
    for (const i of [3, 1, 2]) {
      const before = held.results;
      held.gates[i]?.open();
      await waitFor('its result', () => held.results > before);
      await turn();
      assert.deepEqual([order, at.offered], [[], []]);
    }
    held.gates[0]?.open();
    await at.loop.drained();
    assert.deepEqual([order, at.offered], [[0, 1, 2, 3], ids]);
  });
});

describe('what is counted', () => {
  it('are all attempts not known to be recorded, and the rows behind the first commit', async () => {
    const held = new HeldStore(2);
    await using at = await startLoop(held.around(2));
    const attempts = await at.attempts(6);
    const deliveries = [1, 2, 3, 4].map((webhookId) => ({ webhookId, webhookVersion: 1 }));
    const endings = [];
    for (const [from, to] of [
      [0, 1],
      [1, 3],
      [3, 6],
    ]) {
      endings.push(...attempts.slice(from, to).map((entry) => recording(at.loop, entry)));
      void accepting(at.loop, at.entry(deliveries));
      await turn();
    }
    // One attempt and an event of five rows, two and five, three and five.
    assert.equal(at.commits.length, 2);
    assert.deepEqual([at.loop.unrecorded, at.loop.rowsWaiting], [6, 7 + 8]);
    held.gates[0]?.open();
    await endings[0];
    await turn();
    assert.deepEqual([at.loop.unrecorded, at.loop.rowsWaiting], [5, 8]);
    held.open();
    assert.deepEqual(
      await Promise.all(endings),
      Array.from(attempts, () => 'recorded'),
    );
    await at.loop.drained();
    assert.deepEqual([at.loop.unrecorded, at.loop.rowsWaiting], [0, 0]);
  });
});

describe('one bad entry', () => {
  for (const [bad, where] of [
    [7, 'first'],
    [17, 'second'],
  ] as const) {
    it(`fails alone, though others are under way: in the ${where} commit`, async () => {
      const held = new HeldStore(4);
      await using at = await startLoop(held.around());
      const entries = Array.from({ length: 60 }, () => at.entry());
      const calls = [];
      for (const [i, entry] of entries.entries()) {
        const { event } = entry;
        const given =
          i === bad ? { ...entry, event: { ...event, id: 'evt_0123' as const } } : entry;
        calls.push(accepting(at.loop, given));
        if (i % 10 === 9) await turn();
      }
      assert.deepEqual(acceptsOf(at), [10, 10, 10, 10]);
      for (const gate of held.gates.slice(0, where === 'first' ? 1 : 2)) gate.open();
      await waitFor('it found, while others are held', () => at.told.length);
      held.open();
      assert.deepEqual(
        (await Promise.all(calls)).map((ending) => whyNot(ending) ?? ending.kind),
        entries.map((_, i) => (i === bad ? 'validation_error' : 'accepted')),
      );
      assert.deepEqual(at.told, ['refused']);
      assert.equal(held.most, 4, 'also while it is looked for');
      for (const [i, { event }] of entries.entries()) {
        assert.equal((await at.store.event(at.accountId, event.id)) !== undefined, i !== bad);
      }
    });
  }
});

/** Puts each attempt in with one event, in a turn of their own; what became of them, in order. */
async function putIn(at: At, attempts: readonly RecordEntry[]) {
  const records: ReturnType<typeof recording>[] = [];
  const accepts: Awaited<ReturnType<typeof acceptNext>>[] = [];
  for (const attempt of attempts) {
    records.push(recording(at.loop, attempt));
    accepts.push(await acceptNext(at));
  }
  return { attempts, records, accepts };
}

/** Each attempt is recorded once, each accepted event is there and no other one. */
async function assertNothingLost(
  at: At,
  { attempts, records, accepts }: Awaited<ReturnType<typeof putIn>>,
): Promise<void> {
  assert.deepEqual(
    await Promise.all(records),
    Array.from(attempts, () => 'recorded'),
  );
  for (const key of attempts) {
    assert.equal((await at.store.delivery(at.accountId, key))?.attempts.length, 1);
  }
  for (const { id, ending } of accepts) {
    const stored = (await at.store.event(at.accountId, id)) !== undefined;
    assert.equal(stored, (await ending).kind === 'accepted');
  }
}

describe('an outage that begins while several commits are under way', () => {
  const away = new StoreUnavailable('away');
  for (const [what, failing] of [
    ['all of them', [0, 1, 2, 3]],
    ['all but the first', [1, 2, 3, 4]],
    ['all but the last', [0, 1, 2]],
  ] as const) {
    it(`is told once, and nothing is lost or recorded twice: it fails ${what}`, async () => {
      const failures = Object.fromEntries(failing.map((at) => [at, away]));
      const held = new HeldStore(4, failures);
      await using at = await startLoop(held.around());
      const put = await putIn(at, await at.attempts(6));
      assert.equal(at.loop.unrecorded, 6);
      const committed = at.commits.length;
      held.open();
      await waitFor('the end of it', () => at.told.includes('available'));
      await at.loop.drained();
      assert.deepEqual(at.told, ['unavailable', 'available']);
      assert.equal(at.loop.unrecorded, 0);
      await assertNothingLost(at, put);
      const failed = (i: number): boolean => (failing as readonly number[]).includes(i) || i > 3;
      const endings = await Promise.all(put.accepts.map(({ ending }) => ending));
      assert.deepEqual(
        endings.map((ending) => whyNot(ending) ?? ending.kind),
        put.accepts.map((_, i) => (failed(i) ? 'unavailable' : 'accepted')),
      );
      assert.deepEqual(
        at.commits.slice(committed).flatMap(({ records }) => records.map(({ eventId }) => eventId)),
        put.attempts.filter((_, i) => failed(i)).map(({ eventId }) => eventId),
        'in the order in which they came',
      );
    });
  }

  it('is so with a database that another program has locked', async () => {
    const held = new HeldStore(4);
    await using at = await startLoop(held.around());
    const attempts = await at.attempts(6);
    using lock = lockOf(at.file);
    const put = await putIn(at, attempts);
    assert.equal(at.commits.length, 4);
    held.open();
    const endings = await Promise.all(put.accepts.map(({ ending }) => ending));
    assert.deepEqual(
      endings.map(whyNot),
      Array.from(endings, () => 'unavailable'),
    );
    assert.deepEqual([at.told, at.loop.unrecorded], [['unavailable'], 6]);
    lock.release();
    await assertNothingLost(at, put);
    await at.loop.drained();
    assert.deepEqual(at.told, ['unavailable', 'available']);
  });
});

describe('a store that breaks while several commits are under way', () => {
  it('is told of once, ends the loop, and keeps what is not recorded counted', async () => {
    const broken = new StoreBroken('The sync failed');
    const held = new HeldStore(4, { 1: broken, 2: broken, 3: broken, 4: broken });
    await using at = await startLoop(held.around());
    const { accepts } = await putIn(at, await at.attempts(6));
    held.open();
    const endings = await Promise.all(accepts.map(({ ending }) => ending));
    assert.deepEqual(
      endings.map((ending) => whyNot(ending) ?? ending.kind),
      accepts.map((_, i) => (i === 0 ? 'accepted' : 'unavailable')),
    );
    await at.loop.drained();
    assert.deepEqual(at.told, ['broken']);
    assert.equal(at.loop.unrecorded, 5);
    assert.equal(at.commits.length, 1, 'nothing is tried again');
    assert.equal(whyNot(await accepting(at.loop, at.entry())), 'unavailable');
  });
});
