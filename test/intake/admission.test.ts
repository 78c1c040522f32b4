import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { Admission } from '../../src/intake/admission.ts';

const TICK_MS = 20;
const LONGEST_WAIT_MS = 1_000;

/** Time stands still but for `pass`; what the process is like is set by the test. */
describe('admission', () => {
  const state = { waiting: 0, ended: 0, behind: 0, busy: 0 };
  let admission: Admission;
  let entered: string[];

  beforeEach(() => {
    mock.timers.enable({ apis: ['setInterval', 'Date'], now: 1_000_000 });
    Object.assign(state, { waiting: 0, ended: 0, behind: 0, busy: 0 });
    entered = [];
    admission = new Admission({
      waitingWhileMoving: () => state.waiting,
      attemptsEnded: () => state.ended,
      rowsBehind: () => state.behind,
      loopBusy: () => state.busy,
    });
  });
  afterEach(() => mock.timers.reset());

  async function enter(name: string, events = 1): Promise<void> {
    void Promise.resolve(admission.enter(events)).then(() => entered.push(name));
    await settled();
  }

  /** @param ended attempts in each tick of it */
  async function pass(ms: number, ended = 0): Promise<void> {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      state.ended += ended;
      mock.timers.tick(TICK_MS);
      await settled();
    }
  }

  async function saturate(): Promise<void> {
    Object.assign(state, { waiting: 1_000, behind: 2_000 });
    await enter('first');
    await pass(TICK_MS);
    state.behind = 0;
    entered = [];
  }

  it('lets everybody in at once while nothing waits', async () => {
    state.behind = 2_000;
    await enter('a');
    await pass(100);
    await enter('b');
    assert.deepEqual(entered, ['a', 'b']);
  });

  it('delays nobody for deliveries that wait for a slow endpoint', async () => {
    state.waiting = Number.POSITIVE_INFINITY;
    await enter('a');
    await pass(100);
    await enter('b');
    assert.deepEqual(entered, ['a', 'b']);
  });

  it('delays them where the process itself is the bottleneck', async () => {
    for (const limit of [{ behind: 2_000 }, { busy: 0.95 }]) {
      Object.assign(state, { waiting: 1_000, behind: 0, busy: 0 }, limit);
      await enter('a');
      await pass(TICK_MS);
      entered = [];
      await enter('b');
      await pass(TICK_MS);
      assert.deepEqual(entered, [], JSON.stringify(limit));
      state.waiting = 0;
      await pass(2 * TICK_MS);
    }
  });

  it('lets callers in by their order, as attempts end', async () => {
    await saturate();
    for (const name of ['a', 'b', 'c', 'd']) await enter(name);
    await pass(TICK_MS);
    assert.deepEqual(entered, [], 'none has ended');
    await pass(TICK_MS, 2);
    assert.deepEqual(entered, ['a', 'b']);
    await pass(TICK_MS, 10);
    assert.deepEqual(entered, ['a', 'b', 'c', 'd']);
  });

  it('counts what they bring, and what that comes to', async () => {
    await saturate();
    admission.accepted(100, 300);
    await enter('a', 10);
    await enter('b', 10);
    await pass(TICK_MS, 5);
    assert.deepEqual(entered, ['a'], 'one may bring more than there is room for');
    // Thirty deliveries came with it, at 0.9 for each attempt; 26 are owed still.
    await pass(5 * TICK_MS, 5);
    assert.deepEqual(entered, ['a']);
    await pass(2 * TICK_MS, 5);
    assert.deepEqual(entered, ['a', 'b']);
  });

  it('lets all in when the backlog is gone', async () => {
    await saturate();
    for (const name of ['a', 'b']) await enter(name);
    state.waiting = 100;
    await pass(TICK_MS);
    assert.deepEqual(entered, ['a', 'b']);
    await enter('c');
    assert.deepEqual(entered, ['a', 'b', 'c']);
  });

  it('keeps nobody for longer than a second', async () => {
    await saturate();
    state.behind = 2_000;
    await enter('a');
    await pass(LONGEST_WAIT_MS - TICK_MS);
    assert.deepEqual(entered, []);
    await pass(TICK_MS);
    assert.deepEqual(entered, ['a']);
  });
});

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
