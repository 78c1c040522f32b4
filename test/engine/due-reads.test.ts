import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { StoreUnavailable } from '../../src/store/store.ts';
import { temporaryDirectory } from '../e2e/ground.ts';

import { answer, Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { event, events, RunningCore } from './running-core.ts';

/** After a read that failed the next one is made so long after. */
const FAILED_SLEEP_MS = 1_000;

/** Counts the ticks of a timer as long as the code's own, in the same event loop: it ages as that does. */
function ticking(): Disposable & { ticks: number } {
  const timer = setInterval(() => (clock.ticks += 1), FAILED_SLEEP_MS);
  const clock = { ticks: 0, [Symbol.dispose]: () => clearInterval(timer) };
  return clock;
}

describe('a start with a backlog', () => {
  it('serves an account with one delivery among the first, behind one of 300 webhooks', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'posthorn.db');
    await using receiver = await Receiver.start();
    const webhooks = 300;
    {
      await using before = await RunningCore.open({ file });
      const [big, small] = [
        await before.store.createAccount('big'),
        await before.store.createAccount('small'),
      ];
      const adding = Array.from({ length: webhooks }, (_, i) =>
        before.addWebhook(big, `${receiver.url}/${i}`),
      );
      await Promise.all(adding);
      await before.addWebhook(small, `${receiver.url}/small`);
      await before.core.intake.accept([event(big)]);
      await before.core.intake.accept([event(small)]);
    }
    assert.equal(receiver.received.length, 0);
    await using _running = await RunningCore.start({ file });
    await waitFor('all', () => receiver.received.length === webhooks + 1);
    const position = receiver.received.findIndex(({ path }) => path === '/small');
    assert.ok(position < 20, `it came after ${position} others`);
  });

  it('finds it as soon as it can be read, without asking again and again', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'posthorn.db');
    await using receiver = await Receiver.start();
    let account = 0;
    {
      await using before = await RunningCore.open({ file });
      account = await before.store.createAccount('one');
      await before.addWebhook(account, receiver.url);
      await before.core.intake.accept(events(account, 3));
    }
    let [away, looks] = [true, 0];
    using clock = ticking();
    await using running = await RunningCore.start({
      file,
      around: (store) => ({
        pendingWebhooks: async (...args) => {
          looks += 1;
          if (away) throw new StoreUnavailable('SQLITE_IOERR_READ');
          return store.pendingWebhooks(...args);
        },
      }),
    });
    await waitFor('some looks', () => clock.ticks === 2);
    assert.ok(looks <= clock.ticks + 2, `${looks} looks while ${clock.ticks} could be due`);
    away = false;
    await waitFor('delivered', async () => (await running.pending(account)).length === 0);
    assert.equal(receiver.received.length, 3);
  });
});

describe('reads that fail', () => {
  it('are made again after a while, not at once, and succeed when the store is back', async () => {
    let [away, reads] = [false, 0];
    await using running = await RunningCore.start({
      env: { POSTHORN_RETRY_SCHEDULE: '100ms,1h' },
      around: (store) => ({
        due: async (...args) => {
          reads += 1;
          if (away) throw new StoreUnavailable('SQLITE_IOERR_READ');
          return store.due(...args);
        },
      }),
    });
    let status = 500;
    await using receiver = await Receiver.start((r, response) => answer(r, response, status));
    const account = await running.store.createAccount('one');
    const other = await running.store.createAccount('other');
    await running.addWebhook(account, `${receiver.url}/failing`);
    await running.addWebhook(other, `${receiver.url}/other`);
    away = true;
    await running.core.intake.accept([event(account)]);
    await waitFor('the first read', () => reads > 0);
    status = 200;
    using clock = ticking();
    while (clock.ticks < 2) {
      // What is fresh goes on, and makes no reads.
      const sent = receiver.at('/other').length;
      await running.core.intake.accept([event(other)]);
      await waitFor('the other one', () => receiver.at('/other').length > sent);
    }
    assert.ok(reads <= clock.ticks + 2, `${reads} reads while ${clock.ticks} could be due`);
    assert.equal(running.logged('task.failed').length, reads);
    assert.deepEqual(running.core.faults, []);
    away = false;
    await waitFor('the retry', async () => (await running.pending(account)).length === 0);
    assert.equal(receiver.at('/failing').length, 2);
  });
});

describe('a backlog of large bodies at an endpoint that hangs', () => {
  it('is read once, and sent as far as the slots go', async () => {
    const [size, answered, hung] = [200_000, 40, 60];
    const read = new Map<number, number>();
    let [reading, hanging] = [0, 0];
    await using running = await RunningCore.open({
      env: { POSTHORN_REQUEST_TIMEOUT: '60s' },
      around: (store) => ({
        due: (...args) => {
          read.set(args[0], (read.get(args[0]) ?? 0) + 1);
          reading += 1;
          return store.due(...args).finally(() => (reading -= 1));
        },
      }),
    });
    let answers: Promise<unknown> = Promise.resolve();
    await using receiver = await Receiver.start((received, response) => {
      if (received.path !== '/large') return answer(received, response, 200);
      const number = receiver.at('/large').length;
      if (number > answered) return void (hanging += 1);
      // One after another, when two have come for each before it and no page is being read: an answer
      // wins no slot while nothing waits in memory, however long the store takes to read more.
      answers = answers
        .then(() =>
          waitFor('all that the slots allow', () => receiver.at('/large').length >= 2 * number),
        )
        .then(() => waitFor('the page', () => reading === 0))
        .then(() => answer(received, response, 200));
    });
    const [one, other] = [
      await running.store.createAccount('one'),
      await running.store.createAccount('other'),
    ];
    const large = await running.addWebhook(one, `${receiver.url}/large`);
    await running.addWebhook(other, `${receiver.url}/other`);
    const body = JSON.stringify({ x: 'y'.repeat(size) });
    for (let sent = 0; sent < answered + hung; sent += 20) {
      await running.core.intake.accept(events(one, 20, { body }));
    }
    await running.core.start();
    // Two slots to begin with, and one more for each answer.
    await waitFor('all its slots', () => hanging === answered + 2);
    const reads = (): number => read.get(large.id) ?? 0;
    // 4 MiB a page: five of them are all there is.
    assert.ok(reads() <= 12, `${reads()} pages`);
    const before = reads();
    for (let i = 1; i <= 20; i += 1) {
      await running.core.intake.accept([event(other)]);
      await waitFor('the other one', () => receiver.at('/other').length === i);
    }
    assert.ok(reads() - before <= 1, `${reads() - before} more pages while nothing could be sent`);
  });
});
