import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readConfig } from '../../src/config.ts';
import { Core } from '../../src/core.ts';
import type { NewEvent } from '../../src/domain/event.ts';
import { eventIdMaker, type EventId } from '../../src/domain/ids.ts';
import { newSecret } from '../../src/domain/signature.ts';
import { AddressGuard } from '../../src/engine/address-guard.ts';
import { NameResolver } from '../../src/engine/name-resolver.ts';
import { Sender } from '../../src/engine/sender.ts';
import { CommitLoop } from '../../src/store/commit-loop.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { AcceptEntry } from '../../src/store/store.ts';
import { Log } from '../../src/telemetry/log.ts';
import { answer, Receiver } from '../e2e/receiver.ts';
import { waitFor } from '../e2e/wait-for.ts';

async function openStore(): Promise<AsyncDisposable & { store: SqliteStore }> {
  const directory = await mkdtemp(join(tmpdir(), 'posthorn-core-'));
  const store = await SqliteStore.open(join(directory, 'posthorn.db'));
  return {
    store,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function startCore(store: SqliteStore, env: Record<string, string>) {
  const config = readConfig(env, { dev: true });
  const sender = new Sender({
    guard: new AddressGuard(config.allowedTargets),
    resolver: new NameResolver(),
    connectTimeoutMs: config.connectTimeoutMs,
    requestTimeoutMs: config.requestTimeoutMs,
  });
  return { core: new Core({ store, sender, log: new Log('silent') }, config), sender };
}

function event(accountId: number, more: Partial<NewEvent> = {}): NewEvent {
  return {
    accountId,
    callerEventId: null,
    type: 'SENT',
    campaignId: 1,
    clientId: null,
    leadEmail: 'a@example.com',
    categoryId: null,
    body: '{}',
    ...more,
  };
}

async function addWebhook(store: SqliteStore, core: Core, accountId: number, url: string) {
  const result = await store.createWebhook(
    {
      accountId,
      association: 1,
      targetId: null,
      name: null,
      url,
      eventTypeMap: null,
      categoryIdMap: null,
      webhookType: null,
      secret: newSecret(),
    },
    true,
  );
  core.webhookChanged(result.webhook);
}

describe('dispatching', () => {
  it('does not let an account with a great backlog hold up another one', async () => {
    await using opened = await openStore();
    const { store } = opened;
    await using receiver = await Receiver.start((r, response) => answer(r, response, 200, 2));
    const [big, small] = [await store.createAccount('big'), await store.createAccount('small')];
    const { core, sender } = startCore(store, { POSTHORN_CONCURRENCY: '4' });
    await core.start();
    for (let i = 0; i < 60; i += 1) await addWebhook(store, core, big, `${receiver.url}/big/${i}`);
    await addWebhook(store, core, small, `${receiver.url}/small`);
    await core.intake.accept(Array.from({ length: 50 }, () => event(big)));
    const before = receiver.received.length;
    await core.intake.accept([event(small)]);
    await waitFor('the small account', () => receiver.at('/small').length === 1);
    const position = receiver.received.findIndex(({ path }) => path === '/small');
    assert.ok(
      position - before < 300,
      `its delivery came after ${position - before} of the 3,000 that waited`,
    );
    await core.stop();
    await sender.close();
  });

  it('reads back a backlog larger than its memory, each delivery once', async () => {
    await using opened = await openStore();
    const { store } = opened;
    await using receiver = await Receiver.start();
    const account = await store.createAccount('one');
    const { core, sender } = startCore(store, { POSTHORN_WEBHOOK_CONCURRENCY: '2' });
    await core.start();
    await addWebhook(store, core, account, `${receiver.url}/only`);
    for (let i = 0; i < 3; i += 1) {
      await core.intake.accept(Array.from({ length: 1_000 }, () => event(account)));
    }
    await waitFor('all', () => receiver.received.length >= 3_000, 60_000);
    await core.stop();
    await sender.close();
    const ids = receiver.received.map((r) => r.headers['webhook-id']);
    assert.equal(new Set(ids).size, 3_000);
    assert.equal(ids.length, 3_000);
    const pending = await store.deliveries(
      account,
      { status: 'pending' },
      { limit: 1, cursor: null },
    );
    assert.deepEqual(pending.items, []);
  });
});

describe('the commit loop', () => {
  it('does not let one bad event fail those that share its commit', async () => {
    await using opened = await openStore();
    const { store } = opened;
    const accountId = await store.createAccount('one');
    const { version } = await store.account(accountId);
    const newEventId = eventIdMaker();
    const entry = (id: EventId): AcceptEntry => ({
      event: { ...event(accountId), id },
      accountVersion: version,
      deliveries: [],
    });
    const loop = new CommitLoop(store, {
      disabled: () => undefined,
      unavailable: (error) => assert.fail(String(error)),
      available: () => undefined,
      broken: (error) => assert.fail(String(error)),
    });
    const ids = Array.from({ length: 40 }, newEventId);
    const calls = ids.map((id, i) => loop.accept([entry(i === 17 ? 'evt_0123' : id)]));
    const settled = await Promise.allSettled(calls);
    const failed = settled.flatMap((call, i) => (call.status === 'rejected' ? [i] : []));
    assert.deepEqual(failed, [17]);
    for (const [i, id] of ids.entries()) {
      assert.equal((await store.event(accountId, id)) !== undefined, i !== 17);
    }
  });
});
