import { existsSync } from 'node:fs';
import { startApp, type App } from '../app.ts';
import { ConfigError, flagOf, readConfig, SETTINGS, type Config } from '../config.ts';
import { StoreNotUsable } from '../store/store.ts';
import { Log } from '../telemetry/log.ts';
import { VERSION } from '../version.ts';

/** What a shutdown waits for requests in flight, at most. */
const SHUTDOWN_MS = 25_000;

/** `posthorn serve`: runs until a signal, or until nothing can be promised any more. */
export async function serve(flags: Readonly<Record<string, string | boolean>>): Promise<void> {
  const config = configFrom(flags);
  if (!config) return;
  const log = new Log(config.logLevel);
  const app = await start(config, log);
  if (!app) return;
  console.log(welcome(config, app));
  log.serverStarted({ address: app.url, store: config.databaseFile, version: VERSION });
  app.broken.catch((error: unknown) =>
    die(`The store can promise nothing any more: ${text(error)}`),
  );
  const signal = await firstSignal();
  log.serverStopping(signal);
  // A second signal is for those who will not wait.
  void firstSignal().then(() => process.exit(130));
  await app.stop(SHUTDOWN_MS);
  log.serverStopped();
  process.exit(0);
}

function configFrom(flags: Readonly<Record<string, string | boolean>>): Config | undefined {
  if (existsSync('.env')) process.loadEnvFile('.env');
  const environment = { ...process.env };
  for (const setting of SETTINGS) {
    const name = flagOf(setting)
      .slice(2)
      .replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    const value = flags[name];
    if (typeof value === 'string') environment[setting.name] = value;
  }
  try {
    return readConfig(environment, { dev: flags['dev'] === true });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return fail(`These settings are wrong:\n${error.message.replaceAll(/^/gm, '  ')}`);
  }
}

async function start(config: Config, log: Log): Promise<App | undefined> {
  try {
    return await startApp(config, log);
  } catch (error) {
    if (error instanceof StoreNotUsable) return fail(error.message);
    if (isListenError(error)) {
      return fail(`Cannot listen on ${config.host}:${config.port}: ${error.message}`);
    }
    throw error;
  }
}

function isListenError(error: unknown): error is Error & { syscall: string } {
  return error instanceof Error && 'syscall' in error && error.syscall === 'listen';
}

function fail(message: string): undefined {
  console.error(`posthorn: ${message}`);
  process.exitCode = 1;
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
