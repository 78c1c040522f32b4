import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { AppThread } from './app-thread.ts';
import { temporaryDirectory } from './ground.ts';
import { API_KEY, PosthornProcess } from './posthorn-process.ts';
import { answer, Receiver, type Received } from './receiver.ts';
import { waitFor } from './wait-for.ts';

const EVENT = { event_type: 'SENT', campaign_id: 1, lead_email: 'a@example.com' };
const ONE_EVENT = JSON.stringify([EVENT]);

/** A receiver that answers nothing until it is told to, and then everything at once. */
async function startHolding(): Promise<Receiver & { release(): void }> {
  let released = false;
  const held: (() => void)[] = [];
  const receiver = await Receiver.start((received, response) => {
    if (released) answer(received, response, 200);
    else held.push(() => answer(received, response, 200));
  });
  const release = (): void => {
    released = true;
    for (const answerNow of held) answerNow();
  };
  return Object.assign(receiver, { release });
}

async function connectTo(server: PosthornProcess): Promise<Socket> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Begins to put an event in; the rest of the body is the caller's. */
async function beginUpload(server: PosthornProcess): Promise<Socket> {
  const socket = await connectTo(server);
  const head = [
    'POST /api/v1/events HTTP/1.1',
    'host: posthorn',
    `x-api-key: ${API_KEY}`,
    'content-type: application/json',
    `content-length: ${ONE_EVENT.length}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${ONE_EVENT.slice(0, 1)}`);
  return socket;
}

async function startWith(directory: string, receiver: Receiver, events: number) {
  const options = {
    directory,
    env: { POSTHORN_WEBHOOK_CONCURRENCY: '2', POSTHORN_REQUEST_TIMEOUT: '60s' },
  };
  const server = await PosthornProcess.start(options);
  const webhook = { webhook_url: receiver.url, association_type: 1 };
  await server.call('POST', '/api/v1/webhook/create', webhook);
  const body = Array.from({ length: events }, () => EVENT);
  assert.equal((await server.call('POST', '/api/v1/events', body)).status, 202);
  await waitFor('two in flight', () => receiver.received.length === 2);
  return { server, restart: () => PosthornProcess.start(options) };
}

function attempt({ headers }: Received): string {
  return `${String(headers['webhook-id'])} ${String(headers['x-posthorn-attempt'])}`;
}

describe('SIGTERM', () => {
  it('begins no new POST, whoever is connected, and the next start makes none again', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startHolding();
    const { server, restart } = await startWith(directory.path, receiver, 40);
    await using _first = server;
    // One who is silent, and one whose body never ends.
    await connectTo(server);
    await beginUpload(server);
    const ending = server.end('SIGTERM');
    await waitFor('stopping', () => server.output.includes('server.stopping'));
    // Their slots are free from now on, and 38 wait.
    receiver.release();
    assert.equal(await ending, 0);
    assert.equal(receiver.received.length, 2);
    assert.doesNotMatch(server.output, /attempts\.lost/);

    await using _again = await restart();
    await waitFor('the rest', () => receiver.received.length >= 40);
    const attempts = receiver.received.map(attempt);
    assert.equal(attempts.length, 40);
    assert.equal(new Set(attempts).size, 40);
    assert.ok(attempts.every((each) => each.endsWith(' 1')));
  });

  it('lets a caller finish: what is accepted then is sent by the next start', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await startHolding();
    const { server, restart } = await startWith(directory.path, receiver, 2);
    await using _first = server;
    const upload = await beginUpload(server);
    let answered = '';
    upload.on('data', (chunk) => (answered += chunk.toString('latin1')));
    const ending = server.end('SIGTERM');
    await waitFor('stopping', () => server.output.includes('server.stopping'));
    upload.write(ONE_EVENT.slice(1));
    await waitFor('its answer', () => /^HTTP\/1\.1 202 [^]*\}$/.test(answered));
    // Nobody is connected any more; what is in flight is waited for all the same.
    receiver.release();
    assert.equal(await ending, 0);
    assert.equal(receiver.received.length, 2);
    const id = /"id":"(evt_[^"]+)"/.exec(answered)?.[1];
    await using _again = await restart();
    await waitFor('it', () =>
      receiver.received.some(({ headers }) => headers['webhook-id'] === id),
    );
    assert.equal(receiver.received.length, 3);
  });
});

describe('an end while the store is away', () => {
  it('says how many attempts were made and could not be recorded', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'posthorn.db');
    await using receiver = await startHolding();
    const env = { DATABASE_URL: `sqlite:${file}`, PORT: '0', POSTHORN_API_KEY: API_KEY };
    await using app = await AppThread.start(env);
    const call = (path: string, body: unknown): Promise<Response> =>
      fetch(`${app.url}${path}`, {
        method: 'POST',
        headers: { 'x-api-key': API_KEY, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    for (let i = 0; i < 3; i += 1) {
      const webhook_url = `${receiver.url}/${i}`;
      await call('/api/v1/webhook/create', { webhook_url, association_type: 1 });
    }
    assert.equal((await call('/api/v1/events', EVENT)).status, 202);
    await waitFor('three in flight', () => receiver.received.length === 3);

    const other = new Database(file);
    other.prepare('BEGIN IMMEDIATE').run();
    receiver.release();
    await waitFor(
      'the store is away',
      async () => (await fetch(`${app.url}/readyz`)).status === 503,
    );
    const lines = await app.stop(500);
    other.prepare('ROLLBACK').run();
    other.close();
    const lost = lines.filter((line) => line.includes('attempts.lost'));
    assert.equal(lost.length, 1);
    assert.equal((JSON.parse(lost[0] ?? '{}') as { attempts?: number }).attempts, 3);
  });
});
