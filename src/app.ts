import { randomUUID } from 'node:crypto';
import { Campaigns } from './catalog/campaigns.ts';
import { Redos } from './catalog/redos.ts';
import { Webhooks } from './catalog/webhooks.ts';
import type { FastifyInstance } from 'fastify';
import type { Config } from './config.ts';
import { Core, deliverySettings } from './core.ts';
import { eventIdMaker } from './domain/ids.ts';
import type { NodeId } from './domain/shard.ts';
import { AddressGuard } from './engine/address-guard.ts';
import { NameResolver } from './engine/name-resolver.ts';
import { Sender } from './engine/sender.ts';
import { TestCalls } from './engine/test-calls.ts';
import { ensureFirstAccount } from './first-account.ts';
import { Authenticator } from './http/auth.ts';
import { createHttpServer } from './http/server.ts';
import { PostgresStore } from './store/postgres/postgres-store.ts';
import { SqliteStore } from './store/sqlite/sqlite-store.ts';
import type { Store } from './store/store.ts';
import type { Log } from './telemetry/log.ts';
import { VERSION } from './version.ts';

/** How long callers may take to finish their requests when the server stops. */
const CALLERS_MS = 10_000;

export interface App {
  /** Where it listens. */
  readonly url: string;
  /** The first account's key where one was made at this start: told this once. */
  readonly newApiKey: string | null;
  /** Rejects when nothing can be promised any more; never resolves. */
  readonly broken: Promise<never>;
  /** Stops accepting, lets requests in flight end and records them; waits so long at most. */
  stop(withinMs: number): Promise<void>;
}

/**
 * The composition root: alone names the concrete store and sender. What is started last is stopped
 * first, also where starting fails half-way.
 */
export async function startApp(config: Config, log: Log): Promise<App> {
  await using starting = new AsyncDisposableStack();
  const nodeId = randomUUID();
  const store = starting.use(await openStore(config, nodeId, log));
  const guard = new AddressGuard(config.allowedTargets);
  const resolver = starting.adopt(new NameResolver(), (opened) => opened.close());
  const { connectTimeoutMs, requestTimeoutMs } = config;
  const sender = starting.adopt(
    new Sender({ guard, resolver, connectTimeoutMs, requestTimeoutMs }),
    (opened) => opened.close(),
  );
  const core = new Core({ store, sender, nodeId, log }, config);
  const http = await createHttpServer({
    version: VERSION,
    servesApi: config.roles.includes('api'),
    authenticate: new Authenticator(store).authenticate,
    webhooks: new Webhooks({ store, listener: core, log }),
    campaigns: new Campaigns({ store, listener: core, log }),
    redos: new Redos({ store, listener: core, log }),
    testCalls: new TestCalls(sender, deliverySettings(config), eventIdMaker()),
    intake: core.intake,
    look: store,
    urlRules: { requireHttps: config.requireHttps, judgeUrl: (url) => guard.judgeUrl(url) },
    faults: () => core.faults,
    log,
  });
  starting.defer(() => http.close());
  const url = await http.listen({ host: config.host, port: config.port });
  // Only now: a key that was made is told once, so nothing may fail between making and telling it.
  await core.start();
  const newApiKey = await ensureFirstAccount(store, config.apiKey);
  const started = starting.move();
  return {
    url,
    newApiKey,
    broken: core.broken,
    stop: (withinMs) => stop({ http, core, log, withinMs, started }),
  };
}

interface Stopping {
  readonly http: FastifyInstance;
  readonly core: Core;
  readonly log: Log;
  readonly withinMs: number;
  readonly started: AsyncDisposable;
}

/** Delivering stops at once, beside accepting: a caller who is slow to finish holds up neither. */
async function stop({ http, core, log, withinMs, started }: Stopping): Promise<void> {
  const deadline = new Promise<void>((resolve) => setTimeout(resolve, withinMs).unref());
  const patience = setTimeout(() => http.server.closeAllConnections(), CALLERS_MS).unref();
  const ended = Promise.all([http.close(), core.stopSending()]).then(() => core.stop());
  await Promise.race([ended, deadline]);
  clearTimeout(patience);
  if (core.unrecorded > 0) log.attemptsLost(core.unrecorded);
  await Promise.race([started[Symbol.asyncDispose](), deadline]);
}

export function openStore(
  { database, encryptionKeys }: Pick<Config, 'database' | 'encryptionKeys'>,
  nodeId: NodeId,
  log: Log,
): Promise<Store> {
  return database.kind === 'sqlite'
    ? SqliteStore.open(database.file, nodeId, log, encryptionKeys)
    : PostgresStore.open(database.url, nodeId, encryptionKeys);
}
