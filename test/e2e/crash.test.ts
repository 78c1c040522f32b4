import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import Database from 'better-sqlite3';
import { Webhook as Standard } from 'standardwebhooks';
import {
  Client,
  deliveryOf,
  pause,
  register,
  seededRandom,
  startEndpoints,
  type Registered,
  type SentEvent,
} from './crash-scene.ts';
import { PosthornProcess, temporaryDirectory } from './posthorn-process.ts';
import type { Received } from './receiver.ts';
import { waitFor } from './wait-for.ts';

const KILLS = 22;
const CLIENTS = 4;

const ENV = {
  POSTHORN_RETRY_SCHEDULE: Array.from({ length: 40 }, () => '200ms').join(','),
  POSTHORN_REQUEST_TIMEOUT: '600ms',
  LOG_LEVEL: 'warn',
};

/** What one kill left behind, read from the file while no server had it. */
interface Kill {
  readonly at: number;
  /** Pending on disk: delivery id -> attempts recorded. */
  readonly pending: ReadonlyMap<string, number>;
}

it(
  'loses nothing accepted when it is killed at random moments',
  { timeout: 300_000 },
  async (t) => {
    const seed = Date.now() % 1_000_000;
    t.diagnostic(`seed ${seed}`);
    const random = seededRandom(seed);
    await using directory = await temporaryDirectory();
    await using receiver = await startEndpoints(random);
    const start = (): Promise<PosthornProcess> =>
      PosthornProcess.start({ directory: directory.path, env: ENV });
    let server = await start();
    try {
      const webhooks = await register(server, receiver.url);
      const clients = Array.from(
        { length: CLIENTS },
        (_, i) => new Client(`c${i}`, random, () => server),
      );
      const running = clients.map((client) => client.run());

      const kills: Kill[] = [];
      while (kills.length < KILLS) {
        await pause(150 + random() * 700);
        await server.end('SIGKILL');
        kills.push({ at: Date.now(), pending: pendingOnDisk(directory.path) });
        server = await start();
      }
      for (const client of clients) client.end();
      await Promise.all(running);
      await waitFor('nothing pending any more', () => nothingPending(server), 60_000);
      await server.end('SIGTERM');

      const sent = clients.flatMap((client) => client.sent);
      const wanted = deliveriesWanted(sent, webhooks);
      const second = secondPosts(receiver.received);
      const inFlight = kills.reduce((sum, kill) => sum + inFlightAt(kill, receiver.received), 0);
      t.diagnostic(
        `kills ${kills.length}, events ${sent.length}, deliveries ${wanted.size}, ` +
          `POSTs ${receiver.received.length}, second POSTs after a 2xx ${second.length}, ` +
          `requests in flight at the kills ${inFlight}, ` +
          `repeated calls answered as duplicates ${clients.reduce((n, c) => n + c.duplicates, 0)}`,
      );

      everyAcceptedEventArrived(wanted, receiver.received);
      nothingElseArrived(wanted, receiver.received, webhooks);
      secondPostsOnlyForWhatWasNotRecorded(second, kills);
      assert.ok(second.length <= inFlight, `${second.length} second POSTs, ${inFlight} in flight`);
      everyRecordedAttemptWasMade(directory.path, receiver.received);
      theDatabaseIsSound(directory.path);
    } finally {
      await server.end('SIGKILL');
    }
  },
);

/** Deliveries that must be, by delivery id: the test's own matching, not the server's. */
function deliveriesWanted(
  sent: readonly SentEvent[],
  webhooks: readonly Registered[],
): Map<string, { event: SentEvent; webhook: Registered }> {
  const wanted = new Map<string, { event: SentEvent; webhook: Registered }>();
  for (const event of sent) {
    assert.ok(event.id, `${event.key} was never answered`);
    for (const webhook of webhooks) {
      if (!webhook.wants(event)) continue;
      wanted.set(`dlv_${event.id.slice(4)}_${webhook.id}`, { event, webhook });
    }
  }
  return wanted;
}

function everyAcceptedEventArrived(
  wanted: ReadonlyMap<string, unknown>,
  received: readonly Received[],
): void {
  const arrived = new Set(received.filter(({ status }) => status === 200).map(deliveryOf));
  const lost = [...wanted.keys()].filter((id) => !arrived.has(id));
  assert.deepEqual(lost, [], 'accepted but never answered with a 2xx');
}

function nothingElseArrived(
  wanted: ReadonlyMap<string, { event: SentEvent; webhook: Registered }>,
  received: readonly Received[],
  webhooks: readonly Registered[],
): void {
  const verifiers = new Map(webhooks.map(({ path, secret }) => [path, new Standard(secret)]));
  const bodies = new Map<string, string>();
  for (const post of received) {
    const match = wanted.get(deliveryOf(post));
    assert.ok(match, `nobody sent in ${deliveryOf(post)}`);
    assert.equal(post.path, match.webhook.path);
    const body = JSON.parse(post.body) as Record<string, unknown>;
    assert.equal(body['note'], `n-${match.event.key}`);
    verifiers.get(post.path)?.verify(post.body, post.headers as Record<string, string>);
    const before = bodies.get(deliveryOf(post)) ?? post.body;
    assert.equal(post.body, before, 'a body differed between two attempts');
    bodies.set(deliveryOf(post), before);
  }
}

/** POSTs of a delivery that had been answered with a 2xx before. */
function secondPosts(received: readonly Received[]): { post: Received; firstSuccess: Received }[] {
  const succeeded = new Map<string, Received>();
  const second: { post: Received; firstSuccess: Received }[] = [];
  for (const post of received) {
    const firstSuccess = succeeded.get(deliveryOf(post));
    if (firstSuccess) second.push({ post, firstSuccess });
    else if (post.status === 200) succeeded.set(deliveryOf(post), post);
  }
  return second;
}

function secondPostsOnlyForWhatWasNotRecorded(
  second: readonly { post: Received; firstSuccess: Received }[],
  kills: readonly Kill[],
): void {
  for (const { post, firstSuccess } of second) {
    const between = kills.filter(({ at }) => at >= firstSuccess.at && at <= post.at);
    const excused = between.some(({ pending }) => pending.has(deliveryOf(post)));
    assert.ok(excused, `${deliveryOf(post)} was sent again though its success was recorded`);
  }
}

/** Requests that had been made when the process died and were not recorded. */
function inFlightAt(kill: Kill, received: readonly Received[]): number {
  return received.filter((post) => {
    const recorded = kill.pending.get(deliveryOf(post));
    if (recorded === undefined || post.at > kill.at) return false;
    return Number(post.headers['x-posthorn-attempt']) > recorded;
  }).length;
}

function everyRecordedAttemptWasMade(directory: string, received: readonly Received[]): void {
  const made = new Set(
    received.map((post) => `${deliveryOf(post)}/${String(post.headers['x-posthorn-attempt'])}`),
  );
  const recorded = read<{ event: string; webhook: number; number: number; outcome: string }>(
    directory,
    `SELECT lower(hex(event_id)) AS event, webhook_id AS webhook, number, outcome FROM attempt
      WHERE outcome IN ('delivered', 'rejected')`,
  );
  assert.ok(recorded.length > 0);
  for (const { event, webhook, number } of recorded) {
    assert.ok(made.has(`dlv_${event}_${webhook}/${number}`), `${event}/${webhook}/${number}`);
  }
}

function theDatabaseIsSound(directory: string): void {
  assert.deepEqual(read(directory, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
}

async function nothingPending(server: PosthornProcess): Promise<boolean> {
  const { json } = await server.call('GET', '/api/v1/deliveries?status=pending&limit=1');
  return (json['data'] as unknown[]).length === 0;
}

function pendingOnDisk(directory: string): Map<string, number> {
  const rows = read<{ event: string; webhook: number; attempts: number }>(
    directory,
    'SELECT lower(hex(event_id)) AS event, webhook_id AS webhook, attempt_count AS attempts FROM queue',
  );
  return new Map(rows.map(({ event, webhook, attempts }) => [`dlv_${event}_${webhook}`, attempts]));
}

function read<Row>(directory: string, sql: string): Row[] {
  const database = new Database(join(directory, 'posthorn.db'), { readonly: true });
  try {
    return database.prepare<[], Row>(sql).all();
  } finally {
    database.close();
  }
}
