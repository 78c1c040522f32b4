import { startApp, type App } from '../app.ts';
import type { Config } from '../config.ts';
import { StoreNotUsable, StoreUnavailable } from '../store/store.ts';
import { Log } from '../telemetry/log.ts';
import { VERSION } from '../version.ts';
import { fail, readSettings, type Flags } from './settings.ts';

/** What a shutdown waits for requests in flight, at most. */
const SHUTDOWN_MS = 25_000;

/** `posthorn serve`: runs until a signal, or until nothing can be promised any more. */
export async function serve(flags: Flags): Promise<void> {
  const config = readSettings(flags);
  if (!config) return;
  const log = new Log(config.logLevel);
  // From here on: whoever reads that it listens may end it at once.
  const ending = firstSignal();
  const app = await start(config, log);
  if (!app) return;
  console.log(welcome(config, app));
  log.serverStarted({ address: app.url, store: storeName(config), version: VERSION });
  app.broken.catch((error: unknown) =>
    die(`The store can promise nothing any more: ${text(error)}`),
  );
  const signal = await ending;
  log.serverStopping(signal);
  // A second signal is for those who will not wait.
  void firstSignal().then(() => process.exit(130));
  await app.stop(SHUTDOWN_MS);
  log.serverStopped();
  process.exit(0);
}

async function start(config: Config, log: Log): Promise<App | undefined> {
  try {
    return await startApp(config, log);
  } catch (error) {
    if (error instanceof StoreNotUsable || error instanceof StoreUnavailable) {
      return fail(error.message);
    }
    if (isListenError(error, config.host)) {
      return fail(`Cannot listen on ${config.host}:${config.port}: ${error.message}`);
    }
    throw error;
  }
}

/** Without user and password. */
function storeName({ database }: Config): string {
  if (database.kind === 'sqlite') return database.file;
  const { host, pathname } = new URL(database.url);
  return `postgres://${host}${pathname}`;
}

/** The address cannot be taken, or the name of the host has none. */
function isListenError(error: unknown, host: string): error is Error {
  if (!(error instanceof Error && 'syscall' in error)) return false;
  if (error.syscall === 'listen') return true;
  return error.syscall === 'getaddrinfo' && 'hostname' in error && error.hostname === host;
}

function die(message: string): never {
  console.error(`posthorn: ${message}`);
  process.exit(1);
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
}

function welcome(config: Config, app: App): string {
  const key = app.newApiKey ?? 'YOUR_KEY';
  const lines = [`Posthorn ${VERSION} listens on ${app.url} (documentation: ${app.url}/docs)`];
  if (app.newApiKey !== null) lines.push(`API key, shown this once: ${app.newApiKey}`);
  if (config.dev) lines.push('--dev: webhooks may be http and may reach this machine (loopback).');
  lines.push('', 'A first webhook:', '', createCall(app.url, key), '');
  return lines.join('\n');
}

function createCall(url: string, key: string): string {
  return `curl -X POST "${url}/api/v1/webhook/create?api_key=${key}" \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "Reply Notifications",
    "webhook_url": "https://your-domain.com/webhook",
    "email_campaign_id": 123,
    "association_type": 3,
    "event_type_map": {
      "REPLIED": true,
      "OPENED": true
    }
  }'`;
}
