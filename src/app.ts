import { AccountCache } from './catalog/account-cache.ts';
import { Campaigns } from './catalog/campaigns.ts';
import { cancelAllPending } from './catalog/cancel-pending.ts';
import { Webhooks } from './catalog/webhooks.ts';
import type { Config } from './config.ts';
import { eventIdMaker } from './domain/ids.ts';
import type { Webhook } from './domain/webhook.ts';
import { AddressGuard } from './engine/address-guard.ts';
import { Dispatcher } from './engine/dispatcher.ts';
import { Janitor } from './engine/janitor.ts';
import { NameResolver } from './engine/name-resolver.ts';
import { Sender } from './engine/sender.ts';
import { ensureFirstAccount } from './first-account.ts';
import { Authenticator } from './http/auth.ts';
import type { Readiness } from './http/deps.ts';
import { createHttpServer } from './http/server.ts';
import { Accept } from './intake/accept.ts';
import { Admission } from './intake/admission.ts';
import { CommitLoop } from './store/commit-loop.ts';
import { SqliteStore } from './store/sqlite/sqlite-store.ts';
import type { Store } from './store/store.ts';
import type { Log } from './telemetry/log.ts';
import { VERSION } from './version.ts';

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
  const store = starting.use(await SqliteStore.open(config.databaseFile));
  const newApiKey = await ensureFirstAccount(store, config.apiKey);
  const guard = new AddressGuard(config.allowedTargets);
  const sender = starting.adopt(
    new Sender({
      guard,
      resolver: new NameResolver(),
      connectTimeoutMs: config.connectTimeoutMs,
      requestTimeoutMs: config.requestTimeoutMs,
    }),
    (opened) => opened.close(),
  );
  const engine = createEngine(config, store, sender, log);
  const http = await createHttpServer({
    version: VERSION,
    authenticate: new Authenticator(store).authenticate,
    webhooks: new Webhooks({ store, listener: engine, log }),
    campaigns: new Campaigns({ store, listener: engine, log }),
    intake: engine.intake,
    look: store,
    urlRules: { requireHttps: config.requireHttps, judgeUrl: (url) => guard.judgeUrl(url) },
    readiness: () => engine.readiness(),
    log,
  });
  starting.defer(() => http.close());
  const url = await http.listen({ host: config.host, port: config.port });
  await engine.start();
  const started = starting.move();
  return {
    url,
    newApiKey,
    broken: Promise.race([store.broken, engine.broken]),
    stop: async (withinMs) => {
      const deadline = new Promise<void>((resolve) => setTimeout(resolve, withinMs).unref());
      await Promise.race([http.close().then(() => engine.stop()), deadline]);
      await Promise.race([started.disposeAsync(), deadline]);
    },
  };
}

/** Everything between the HTTP face and the wire, tied together. */
function createEngine(config: Config, store: Store, sender: Sender, log: Log) {
  const broken = Promise.withResolvers<never>();
  const accounts = new AccountCache(store);
  const loop = new CommitLoop(store, {
    disabled: (webhooks) => webhooks.forEach(webhookDisabled),
    unavailable: (error) => {
      log.storeUnavailable(error);
      dispatcher.suspend();
    },
    available: (outageMs) => {
      log.storeAvailable(outageMs);
      dispatcher.resume();
    },
    broken: broken.reject,
  });
  const dispatcher = new Dispatcher(
    {
      store,
      sender,
      record: (entry) => loop.record(entry),
      webhook: async (accountId, id) => (await accounts.load(accountId)).webhooks.get(id),
      log,
    },
    { ...config, userAgent: `Posthorn/${VERSION}` },
  );
  const admission = new Admission(() => dispatcher.waitingWhileMoving());
  const intake = new Accept({
    accounts,
    newEventId: eventIdMaker(),
    commit: (entries) => loop.accept(entries),
    admit: () => admission.enter(),
    wake: (deliveries) => dispatcher.offer(deliveries),
    log,
  });
  const janitor = new Janitor(store, config.retentionMs, log);

  function webhookChanged(webhook: Webhook): void {
    accounts.webhookChanged(webhook);
    dispatcher.webhookChanged(webhook);
  }

  /** Its endpoint answered 410. What a failure here leaves undone the janitor does. */
  function webhookDisabled(webhook: Webhook): void {
    webhookChanged(webhook);
    cancelAllPending(store, webhook.id).then(
      (canceled) => log.webhookDisabled(webhook, canceled),
      (error: unknown) => log.taskFailed('cancel deliveries of a disabled webhook', error),
    );
  }

  function readiness(): Readiness {
    const reasons = loop.available ? [] : ['The store is unavailable.'];
    return { ready: loop.available, reasons };
  }

  return {
    intake,
    broken: broken.promise,
    webhookChanged,
    campaignDeclared: accounts.campaignDeclared.bind(accounts),
    readiness,
    async start(): Promise<void> {
      await dispatcher.start(await store.acquireShards());
      janitor.start();
    },
    async stop(): Promise<void> {
      await janitor.stop();
      await dispatcher.stop();
      await loop.drained();
    },
  };
}
