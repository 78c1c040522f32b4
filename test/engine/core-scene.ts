import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { readConfig } from '../../src/config.ts';
import { Core } from '../../src/core.ts';
import type { NewEvent } from '../../src/domain/event.ts';
import { newSecret } from '../../src/domain/signature.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { AddressGuard } from '../../src/engine/address-guard.ts';
import type { SendsRequests } from '../../src/engine/deliver.ts';
import { NameResolver } from '../../src/engine/name-resolver.ts';
import { Sender } from '../../src/engine/sender.ts';
import type { Accepted } from '../../src/intake/intake.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { Log } from '../../src/telemetry/log.ts';
import { LoopbackOnly } from './loopback-only.ts';
import { shutTheWayOut } from './no-way-out.ts';
import { NO_POLICY } from '../../src/domain/webhook-policy.ts';

shutTheWayOut();

/** A real store in a directory of its own; `await using` closes and removes it. */
export async function openStore(): Promise<AsyncDisposable & { store: SqliteStore; file: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'posthorn-core-'));
  const file = join(directory, 'posthorn.db');
  const store = await SqliteStore.open(file, 'node');
  return {
    store,
    file,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Keeps everybody from writing to a database file, as another program would, until it is released. */
export function lockOf(file: string): Disposable & { release(): void } {
  const other = new Database(file);
  other.prepare('BEGIN IMMEDIATE').run();
  const release = (): void => void other.close();
  return { release, [Symbol.dispose]: release };
}

export interface CoreOptions {
  /** Stands between the core and the wire, to watch or to hold what goes over it. */
  readonly watch?: (sender: SendsRequests) => SendsRequests;
  readonly log?: Log;
}

/** All between the HTTP face and the wire, over a real store; it cannot reach anything outside loopback. */
export function startCore(
  store: Store,
  env: Record<string, string>,
  { watch = (sender) => sender, log = new Log('silent') }: CoreOptions = {},
) {
  const config = readConfig(env, { dev: true });
  const sender = new Sender({
    guard: new AddressGuard(config.allowedTargets),
    resolver: new NameResolver({ servers: ['127.0.0.1:9'], hostsPath: '/nonexistent' }),
    openSocket: new LoopbackOnly().open,
    connectTimeoutMs: config.connectTimeoutMs,
    requestTimeoutMs: config.requestTimeoutMs,
  });
  const core = new Core({ store, sender: watch(sender), nodeId: 'node', log }, config);
  return {
    core,
    /** Lets what is in flight end; a receiver that hangs has to be closed before. */
    [Symbol.asyncDispose]: async () => {
      await core.stopSending();
      await core.stop();
      await sender.close();
    },
  };
}

/** Puts one event in, which has to be accepted. */
export async function acceptOne(core: Core, event: NewEvent): Promise<Accepted> {
  const [acceptance] = await core.intake.accept([event]);
  assert.ok(acceptance && !('refusal' in acceptance));
  return acceptance;
}

export function newEvent(accountId: number, more: Partial<NewEvent> = {}): NewEvent {
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

export function newEvents(accountId: number, count: number): NewEvent[] {
  return Array.from({ length: count }, () => newEvent(accountId));
}

/** A webhook of the whole account in the store; nobody else is told of it. */
export async function storeWebhook(
  store: Store,
  accountId: number,
  url: string,
  policy = NO_POLICY,
): Promise<Webhook> {
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
      ...policy,
      secret: newSecret(),
    },
    true,
  );
  return result.webhook;
}

/** A webhook of the whole account, as the API would make it. */
export async function addWebhook(
  store: Store,
  core: Core,
  accountId: number,
  url: string,
  policy = NO_POLICY,
): Promise<Webhook> {
  const webhook = await storeWebhook(store, accountId, url, policy);
  core.webhookChanged(webhook);
  return webhook;
}
