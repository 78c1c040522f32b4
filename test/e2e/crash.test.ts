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
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
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
  /** When the killed server was started, and when all that it had sent was read. */
  readonly from: number;
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
        await waitFor('all it sent is read', async () => (await receiver.connections()) === 0);
        const from = kills.at(-1)?.at ?? 0;
        kills.push({ from, at: Date.now(), pending: pendingOnDisk(directory.path) });
        server = await start();
      }
      for (const client of clients) client.end();
      await Promise.all(running);
      await waitFor('nothing pending any more', () => nothingPending(server), 60_000);
      await server.end('SIGTERM');

      const sent = clients.flatMap((client) => client.sent);
      const wanted = deliveriesWanted(sent, webhooks);
      const inFlight = new Set(kills.flatMap((kill) => inFlightAt(kill, receiver.received)));
      const outcomes = outcomesOnDisk(directory.path);
      // A 2xx that came when the server had given up on it was none for the server.
      const late = receiver.received.filter(
        (post) =>
          post.status === 200 &&
          outcomes.get(attemptOf(post)) === 'timed_out' &&
          !inFlight.has(post),
      );
      const second = secondPosts(receiver.received, new Set(late));
      t.diagnostic(
        `kills ${kills.length}, events ${sent.length}, deliveries ${wanted.size}, ` +
          `POSTs ${receiver.received.length}, second POSTs after a 2xx ${second.length}, ` +
          `requests in flight at the kills ${inFlight.size}, 2xx that came too late ${late.length}, ` +
          `repeated calls answered as duplicates ${clients.reduce((n, c) => n + c.duplicates, 0)}`,
      );

      everyAcceptedEventArrived(wanted, receiver.received);
      nothingElseArrived(wanted, receiver.received, webhooks);
      secondPostsOnlyForWhatWasNotRecorded(second, inFlight);
      assert.ok(second.length <= inFlight.size);
      attemptsMadeAndRecordedAreTheSame(new Set(receiver.received.map(attemptOf)), outcomes);
      everyDeliveryEndedOnDisk(directory.path, wanted);
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

interface SecondPost {
  readonly post: Received;
  /** The latest one before it. */
  readonly success: Received;
}

/** POSTs of a delivery that had been answered with a 2xx before. */
function secondPosts(received: readonly Received[], late: ReadonlySet<Received>): SecondPost[] {
  const succeeded = new Map<string, Received>();
  const second: SecondPost[] = [];
  for (const post of received) {
    const success = succeeded.get(deliveryOf(post));
    if (success) second.push({ post, success });
    if (post.status === 200 && !late.has(post)) succeeded.set(deliveryOf(post), post);
  }
  return second;
}

/** A success that was on its way to the disk when the server was killed, and nothing else, is sent again. */
function secondPostsOnlyForWhatWasNotRecorded(
  second: readonly SecondPost[],
  inFlight: ReadonlySet<Received>,
): void {
  for (const { post, success } of second) {
    const what = `${attemptOf(post)} was made though the success before it was recorded`;
    assert.ok(inFlight.has(success), what);
  }
}

/** Requests that the killed server had made and not recorded. */
function inFlightAt({ from, at, pending }: Kill, received: readonly Received[]): Received[] {
  return received.filter((post) => {
    const recorded = pending.get(deliveryOf(post));
    if (recorded === undefined || post.at <= from || post.at > at) return false;
    return Number(post.headers['x-posthorn-attempt']) > recorded;
  });
}

/** What was cut off by a kill was made again, and recorded by the next server. */
function attemptsMadeAndRecordedAreTheSame(
  made: ReadonlySet<string>,
  outcomes: ReadonlyMap<string, string>,
): void {
  const recorded = new Set(outcomes.keys());
  assert.ok(recorded.size > 0);
  assert.deepEqual(without(made, recorded), [], 'made and not recorded');
  assert.deepEqual(without(recorded, made), [], 'recorded and not made');
}

function without(attempts: ReadonlySet<string>, others: ReadonlySet<string>): string[] {
  return [...attempts].filter((attempt) => !others.has(attempt));
}

function everyDeliveryEndedOnDisk(directory: string, wanted: ReadonlyMap<string, unknown>): void {
  const ended = read<{ event: string; webhook: number; status: string; complete: number }>(
    directory,
    `SELECT lower(hex(event_id)) AS event, webhook_id AS webhook, status,
       attempt_count = (SELECT count(*) FROM attempt
         WHERE event_id = delivery.event_id AND webhook_id = delivery.webhook_id) AS complete
     FROM delivery`,
  );
  assert.equal(ended.length, wanted.size);
  for (const { event, webhook, status, complete } of ended) {
    const id = `dlv_${event}_${webhook}`;
    assert.ok(wanted.has(id), id);
    assert.deepEqual([status, complete], ['succeeded', 1], id);
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

/** Each attempt, as `attemptOf` spells it, and its outcome. */
function outcomesOnDisk(directory: string): Map<string, string> {
  const rows = read<{ event: string; webhook: number; number: number; outcome: string }>(
    directory,
    'SELECT lower(hex(event_id)) AS event, webhook_id AS webhook, number, outcome FROM attempt',
  );
  return new Map(rows.map((row) => [`dlv_${row.event}_${row.webhook}/${row.number}`, row.outcome]));
}

function attemptOf(post: Received): string {
  return `${deliveryOf(post)}/${String(post.headers['x-posthorn-attempt'])}`;
}

function read<Row>(directory: string, sql: string): Row[] {
  const database = new Database(join(directory, 'posthorn.db'), { readonly: true });
  try {
    return database.prepare<[], Row>(sql).all();
  } finally {
    database.close();
  }
}
