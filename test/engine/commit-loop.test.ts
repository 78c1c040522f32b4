import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StoreBroken, StoreUnavailable } from '../../src/store/store.ts';
import { lockOf } from './core-scene.ts';
import { startLoop, turn, whyNot } from './loop-scene.ts';
import { accepting } from './settled.ts';

/** `waitFor` where timers stand still. */
async function spinUntil(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, `Waited in vain: ${what}`);
    await turn();
  }
}

describe('what comes together', () => {
  it('shares a commit, and so does what comes while that is under way', async () => {
    await using at = await startLoop();
    const calls = Array.from({ length: 40 }, () => accepting(at.loop, at.entry()));
    await turn();
    calls.push(...Array.from({ length: 60 }, () => accepting(at.loop, at.entry())));
    await Promise.all(calls);
    assert.deepEqual(
      at.commits.map(({ accepts }) => accepts.length),
      [40, 60],
    );
  });

  it('beyond what may be held in memory is refused, until there is room again', async () => {
    const gate = Promise.withResolvers<void>();
    await using at = await startLoop((store) => ({
      commit: (batch) => gate.promise.then(() => store.commit(batch)),
    }));
    const first = accepting(at.loop, at.entry());
    await turn();
    const many = Array.from({ length: 100_000 }, (_, i) => ({
      webhookId: i + 1,
      webhookVersion: 1,
    }));
    const second = accepting(at.loop, at.entry(many));
    const third = accepting(at.loop, at.entry()).then(whyNot);
    assert.equal(await Promise.race([third, turn()]), 'overloaded', 'refused at once');
    gate.resolve();
    assert.deepEqual(await Promise.all([first, second]), [
      { kind: 'accepted' },
      { kind: 'accepted' },
    ]);
    assert.deepEqual(await accepting(at.loop, at.entry()), { kind: 'accepted' });
    assert.deepEqual(at.told, []);
  });
});

describe('a store that is away', () => {
  it('is asked again after growing pauses, and then all goes on by itself', async (t) => {
    let [begun, probes] = [0, 0];
    await using at = await startLoop((store) => ({
      probe: () => {
        begun += 1;
        return store.probe().finally(() => (probes += 1));
      },
    }));
    using lock = lockOf(at.file);
    // Time stands still but for the ticks: a loop that spins would be seen as probes without one.
    t.mock.timers.enable({ apis: ['setTimeout'] });
    assert.equal(whyNot(await accepting(at.loop, at.entry())), 'unavailable');
    assert.equal(whyNot(await accepting(at.loop, at.entry())), 'unavailable');
    for (const [before, pause] of [50, 100, 200, 400, 800, 1_000, 1_000].entries()) {
      await turn();
      t.mock.timers.tick(pause - 1);
      await turn();
      assert.equal(begun, before, `nothing before ${pause} ms are over`);
      t.mock.timers.tick(1);
      await turn();
      assert.equal(begun, before + 1);
      await spinUntil('its end', () => probes === before + 1);
    }
    assert.deepEqual(at.told, ['unavailable']);
    assert.equal(at.commits.length, 1, 'nothing is committed while it is away');

    lock.release();
    await turn();
    t.mock.timers.tick(1_000);
    await spinUntil('it is back', () => at.loop.available);
    assert.deepEqual(at.told, ['unavailable', 'available']);
    assert.deepEqual(await accepting(at.loop, at.entry()), { kind: 'accepted' });
  });
});

describe('a store that can promise nothing any more', () => {
  for (const when of ['at a commit', 'at a probe']) {
    it(`ends the loop for good: ${when}`, async () => {
      let probes = 0;
      const broken = Promise.reject(new StoreBroken('The sync failed'));
      broken.catch(() => undefined);
      await using at = await startLoop(() => ({
        commit: () =>
          when === 'at a commit' ? broken : Promise.reject(new StoreUnavailable('away')),
        probe: () => {
          probes += 1;
          return broken;
        },
      }));
      assert.equal(whyNot(await accepting(at.loop, at.entry())), 'unavailable');
      await at.loop.drained();
      const told = when === 'at a commit' ? ['broken'] : ['unavailable', 'broken'];
      assert.deepEqual(at.told, told);
      assert.equal(whyNot(await accepting(at.loop, at.entry())), 'unavailable');
      await at.loop.drained();
      assert.deepEqual(at.told, told, 'told once');
      assert.equal(probes, when === 'at a commit' ? 0 : 1, 'and not asked again');
    });
  }
});
