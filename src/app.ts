import { Campaigns } from './catalog/campaigns.ts';
import { Webhooks } from './catalog/webhooks.ts';
import type { Config } from './config.ts';
import { Core } from './core.ts';
import { AddressGuard } from './engine/address-guard.ts';
import { NameResolver } from './engine/name-resolver.ts';
import { Sender } from './engine/sender.ts';
import { ensureFirstAccount } from './first-account.ts';
import { Authenticator } from './http/auth.ts';
import type { Readiness } from './http/deps.ts';
import { createHttpServer } from './http/server.ts';
import { SqliteStore } from './store/sqlite/sqlite-store.ts';
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
  const resolver = starting.adopt(new NameResolver(), (opened) => opened.close());
  const { connectTimeoutMs, requestTimeoutMs } = config;
  const sender = starting.adopt(
    new Sender({ guard, resolver, connectTimeoutMs, requestTimeoutMs }),
    (opened) => opened.close(),
  );
  const core = new Core({ store, sender, log }, config);
  const http = await createHttpServer({
    version: VERSION,
    authenticate: new Authenticator(store).authenticate,
    webhooks: new Webhooks({ store, listener: core, log }),
    campaigns: new Campaigns({ store, listener: core, log }),
    intake: core.intake,
    look: store,
    urlRules: { requireHttps: config.requireHttps, judgeUrl: (url) => guard.judgeUrl(url) },
    readiness: () => readiness(core),
    log,
  });
  starting.defer(() => http.close());
  const url = await http.listen({ host: config.host, port: config.port });
  await core.start();
  const started = starting.move();
  return {
    url,
    newApiKey,
    broken: core.broken,
    async stop(withinMs) {
      const deadline = new Promise<void>((resolve) => setTimeout(resolve, withinMs).unref());
      await Promise.race([http.close().then(() => core.stop()), deadline]);
      await Promise.race([started.disposeAsync(), deadline]);
    },
  };
}

function readiness(core: Core): Readiness {
  const reasons = core.available ? [] : ['The store is unavailable.'];
  return { ready: core.available, reasons };
}
