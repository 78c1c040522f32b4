import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { ApiClient, ApiRefused, ApiUnavailable } from './api-client.ts';
import { inThousands, Progress } from './progress.ts';
import { fail, readSettings, type Flags } from './settings.ts';

const LOOK_AGAIN_MS = 250;
/** A server that restarts, or is without its store, is waited for so long. */
const AWAY_LIMIT_MS = 60_000;

/** What of a redo is shown, as the API answers it. */
interface Shown {
  readonly id: number;
  readonly status: 'running' | 'done' | 'canceled';
  readonly count: number;
  readonly done: number;
}

/** `posthorn replay`: has a running server put deliveries back, and shows how far it is. */
export async function replay(webhookId: string, flags: Flags): Promise<void> {
  const config = readSettings(flags);
  if (!config) return;
  const { apiKey } = config;
  if (apiKey === null) {
    return fail('POSTHORN_API_KEY is not set: it has to be a key of the account of the webhook');
  }
  const url = flags['url'];
  const api = new ApiClient(typeof url === 'string' ? url : urlOf(config), apiKey);
  try {
    await run(api, webhookId, flags);
  } catch (error) {
    if (!(error instanceof ApiRefused || error instanceof ApiUnavailable)) throw error;
    fail(error.message);
  }
}

/** Of the server with the same settings; one that listens everywhere listens on loopback too. */
function urlOf({ host, port }: Config): string {
  const named = host.includes(':') ? `[${host}]` : host;
  const reached = { '0.0.0.0': '127.0.0.1', '[::]': '[::1]' }[named] ?? named;
  return `http://${reached}:${port}`;
}

async function run(api: ApiClient, webhookId: string, flags: Flags): Promise<void> {
  const { from, to, status, dryRun } = flags;
  const data = await api.call('POST', `/webhook/${encodeURIComponent(webhookId)}/replay`, {
    from,
    ...(to !== undefined && { to }),
    ...(typeof status === 'string' && { statuses: status.split(',').map((each) => each.trim()) }),
    dry_run: dryRun === true,
  });
  if (dryRun === true) {
    console.log(`A replay would be about ${inThousands(Number(data['count']))} deliveries.`);
    return;
  }
  const started = data as unknown as Shown;
  console.error(`Replay ${started.id} goes on in the server, also if this command is ended.`);
  tell(await shownToTheEnd(api, started));
}

async function shownToTheEnd(api: ApiClient, started: Shown): Promise<Shown> {
  const progress = new Progress(process.stderr);
  try {
    for (let redo = started; ; redo = await look(api, redo)) {
      progress.show(redo.done, redo.count);
      if (redo.status !== 'running') return redo;
      await sleep(LOOK_AGAIN_MS);
    }
  } finally {
    progress.end();
  }
}

async function look(api: ApiClient, { id }: Shown): Promise<Shown> {
  const deadline = performance.now() + AWAY_LIMIT_MS;
  for (;;) {
    try {
      return (await api.call('GET', `/redos/${id}`)) as unknown as Shown;
    } catch (error) {
      if (!(error instanceof ApiUnavailable) || performance.now() > deadline) throw error;
      await sleep(LOOK_AGAIN_MS);
    }
  }
}

function tell({ status, done, count }: Shown): void {
  const sentence = `Put back ${inThousands(done)} of ${inThousands(count)} deliveries`;
  if (status === 'done') console.log(`${sentence}.`);
  else fail(`${sentence}; then the webhook was disabled or deleted.`);
}
