import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Database from 'better-sqlite3';
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
import { answer, Receiver } from './receiver.ts';
import { waitFor } from './wait-for.ts';

const EVENT = { event_type: 'SENT', campaign_id: 1, lead_email: 'a@example.com' };
const QUIET = { LOG_LEVEL: 'error', POSTHORN_RETRY_SCHEDULE: '100ms,100ms' };

/** Runs the server with chosen system calls on chosen files failing (Debian's strace). */
function failing(call: string, inject: string, ...paths: string[]): string[] {
  return [
    'strace',
    '-f',
    '-o',
    '/dev/null',
    ...paths.flatMap((path) => ['-P', path]),
    '-e',
    `trace=${call}`,
    '-e',
    `inject=${call}:${inject}`,
  ];
}

async function pending(server: PosthornProcess): Promise<number> {
  const { json } = await server.call('GET', '/api/v1/deliveries?status=pending');
  return (json['data'] as unknown[]).length;
}

/** The ids of all events, read page by page. */
async function storedEvents(server: PosthornProcess): Promise<string[]> {
  const stored: string[] = [];
  let page = '';
  for (;;) {
    const { json } = await server.call('GET', `/api/v1/events?limit=100${page}`);
    stored.push(...(json['data'] as { id: string }[]).map(({ id }) => id));
    if (typeof json['next_cursor'] !== 'string') return stored;
    page = `&cursor=${json['next_cursor']}`;
  }
}

describe('a locked database', () => {
  it('gives 503 with Retry-After while it lasts, and everything goes on by itself', async () => {
    await using directory = await temporaryDirectory();
    let release: (() => void) | undefined;
    await using receiver = await Receiver.start((received, response) => {
      if (receiver.received.length > 1) return answer(received, response, 200);
      release = () => answer(received, response, 200);
    });
    await using server = await PosthornProcess.start({ directory: directory.path, env: QUIET });
    await server.call('POST', '/api/v1/webhook/create', {
      webhook_url: receiver.url,
      association_type: 1,
    });
    assert.equal((await server.call('POST', '/api/v1/events', EVENT)).status, 202);
    await waitFor('one in flight', () => release);

    const other = new Database(join(directory.path, 'posthorn.db'));
    other.prepare('BEGIN IMMEDIATE').run();
    // Its record meets the lock; it has to be kept until the lock is gone.
    release?.();
    await waitFor('not ready', async () => (await server.call('GET', '/readyz')).status === 503);
    for (let i = 0; i < 3; i += 1) {
      const refused = await server.call('POST', '/api/v1/events', EVENT);
      assert.equal(refused.status, 503);
      assert.equal(refused.json['code'], 'unavailable');
      assert.ok(Number(refused.headers.get('retry-after')) >= 1);
    }
    assert.equal((await server.call('GET', '/healthz')).status, 200);
    assert.equal((await server.call('GET', '/api/v1/events')).status, 200, 'reading goes on');
    other.prepare('ROLLBACK').run();
    other.close();

    await waitFor('ready again', async () => (await server.call('GET', '/readyz')).status === 200);
    assert.equal((await server.call('POST', '/api/v1/events', EVENT)).status, 202);
    await waitFor('nothing pending', async () => (await pending(server)) === 0);
    const { json } = await server.call('GET', '/api/v1/events');
    assert.equal(
      (json['data'] as unknown[]).length,
      2,
      'nothing half-written, nothing refused kept',
    );
    assert.equal(receiver.received.length, 2, 'the attempt made before the lock was not repeated');
  });
});

describe('a full disk', () => {
  it('gives 503, keeps what was accepted, and goes on when there is room again', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    const database = join(directory.path, 'posthorn.db');
    // Room for a while, then none for 60 writes to the log, then room again.
    await using server = await PosthornProcess.start({
      directory: directory.path,
      env: QUIET,
      wrapper: failing('pwrite64', 'error=ENOSPC:when=200..260', `${database}-wal`),
    });
    await server.call('POST', '/api/v1/webhook/create', {
      webhook_url: receiver.url,
      association_type: 1,
    });
    const accepted = new Set<string>();
    let refused = 0;
    await waitFor(
      'full, then room again',
      async () => {
        const { status, json } = await server.call('POST', '/api/v1/events', EVENT);
        if (status === 202) accepted.add((json['events'] as [{ id: string }])[0].id);
        else if (status === 503) refused += 1;
        else assert.fail(`${status}`);
        return refused > 0 && status === 202;
      },
      60_000,
    );
    await waitFor('nothing pending', async () => (await pending(server)) === 0);
    const stored = await storedEvents(server);
    assert.deepEqual(stored.toSorted(), [...accepted].toSorted());
    const arrived = new Set(receiver.received.map((r) => r.headers['webhook-id']));
    assert.deepEqual(arrived, accepted);
  });
});

describe('a disk whose sync fails', () => {
  it('ends the process with a clear message: nothing may be promised on it', async () => {
    await using directory = await temporaryDirectory();
    const database = join(directory.path, 'posthorn.db');
    await using server = await PosthornProcess.start({
      directory: directory.path,
      env: QUIET,
      // Which of the two SQLite calls depends on how it was built.
      wrapper: failing('fsync,fdatasync', 'error=EIO:when=40+', `${database}-wal`),
    });
    const promised = new Set<string>();
    for (let i = 0; i < 200; i += 1) {
      const answered = await server.call('POST', '/api/v1/events', EVENT).catch(() => undefined);
      if (answered?.status !== 202) break;
      promised.add((answered.json['events'] as [{ id: string }])[0].id);
    }
    assert.equal(await server.ended(), 1);
    assert.match(server.output, /sync/i);
    await using again = await PosthornProcess.start({ directory: directory.path, env: QUIET });
    for (const id of promised) {
      assert.equal((await again.call('GET', `/api/v1/events/${id}`)).status, 200);
    }
  });
});

/** The bytes of a database whose log is empty: all of it is in the file. */
async function closedFile(file: string): Promise<Buffer> {
  const database = new Database(file);
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
  return readFile(file);
}

describe('a database that cannot be used', () => {
  const cases: [string, (file: string) => Promise<void>, RegExp][] = [
    ['damaged', (file) => writeFile(file, Buffer.alloc(8_192, 'x')), /not a|damaged/i],
    [
      'damaged in the middle',
      async (file) => {
        const bytes = await closedFile(file);
        await writeFile(file, bytes.fill(0xaa, bytes.length / 4, bytes.length / 2));
      },
      /damaged/i,
    ],
    [
      'cut off',
      async (file) => {
        const bytes = await closedFile(file);
        await writeFile(file, bytes.subarray(0, bytes.length / 2));
      },
      /damaged/i,
    ],
    [
      'of a newer version',
      async (file) => {
        const database = new Database(file);
        database.pragma('user_version = 9999');
        database.close();
      },
      /newer/i,
    ],
    [
      "somebody else's",
      async (file) => {
        const database = new Database(file);
        database.exec('CREATE TABLE theirs (a); PRAGMA application_id = 77;');
        database.close();
      },
      /not .*posthorn/i,
    ],
  ];
  for (const [what, damage, message] of cases) {
    it(`${what}: a clear message, exit code 1, the file untouched`, async () => {
      await using directory = await temporaryDirectory();
      const file = join(directory.path, 'posthorn.db');
      if (what !== 'damaged') {
        const server = await PosthornProcess.start({ directory: directory.path, env: QUIET });
        await server.end('SIGTERM');
      }
      await damage(file);
      const before = await readFile(file);
      const { code, output } = await PosthornProcess.run({ directory: directory.path, env: QUIET });
      assert.equal(code, 1, output);
      assert.match(output, message);
      assert.doesNotMatch(output, /\n\s+at /, 'a message, not a stack');
      assert.deepEqual(await readFile(file), before);
    });
  }

  for (const what of ['damaged', 'newer'] as const) {
    it(`${what}, with a log that a kill left: both files untouched`, async () => {
      await using directory = await temporaryDirectory();
      await using copy = await temporaryDirectory();
      const file = join(directory.path, 'posthorn.db');
      const server = await PosthornProcess.start({ directory: directory.path, env: QUIET });
      await server.end('SIGKILL');
      await closedFile(file);
      const database = new Database(file);
      database.pragma('wal_autocheckpoint = 0');
      database.pragma(`user_version = ${what === 'newer' ? 9999 : 1}`);
      database.exec('UPDATE shard SET epoch = epoch + 1');
      const names = ['posthorn.db', 'posthorn.db-wal'];
      for (const name of names) await copyFile(join(directory.path, name), join(copy.path, name));
      database.close();
      if (what === 'damaged') {
        const bytes = await readFile(join(copy.path, 'posthorn.db'));
        bytes.fill(0xaa, bytes.length / 4, bytes.length / 2);
        await writeFile(join(copy.path, 'posthorn.db'), bytes);
      }
      const both = (): Promise<Buffer[]> =>
        Promise.all(names.map((name) => readFile(join(copy.path, name))));
      const before = await both();
      assert.ok(before.every(({ length }) => length > 0));
      const { code, output } = await PosthornProcess.run({ directory: copy.path, env: QUIET });
      assert.equal(code, 1, output);
      assert.match(output, new RegExp(what));
      assert.deepEqual(await both(), before);
    });
  }

  it('in use by another server: a clear message and exit code 1', async () => {
    await using directory = await temporaryDirectory();
    await using first = await PosthornProcess.start({ directory: directory.path, env: QUIET });
    const { code, output } = await PosthornProcess.run({ directory: directory.path, env: QUIET });
    assert.equal(code, 1, output);
    assertOneLine(output, /^posthorn: The database .*posthorn\.db is in use by another/);
    assert.equal((await first.call('POST', '/api/v1/events', EVENT)).status, 202);
  });
});

describe('a place where no database can be made', () => {
  // Nobody may make files or directories in the last two, not even root.
  const places: readonly [what: string, path: string][] = [
    ['in a file', 'file/posthorn.db'],
    ['below a file', 'file/data/posthorn.db'],
    ['a directory itself', 'directory'],
    ['in a directory that is not writable', '/proc/self/posthorn.db'],
    ['in a directory that cannot be made', '/sys/data/posthorn.db'],
  ];
  for (const [what, path] of places) {
    it(`${what}: a clear message, exit code 1`, async () => {
      await using directory = await temporaryDirectory();
      await writeFile(join(directory.path, 'file'), '');
      await mkdir(join(directory.path, 'directory'));
      const env = { DATABASE_URL: `sqlite:${path}` };
      const { code, output } = await PosthornProcess.run({ directory: directory.path, env });
      assert.equal(code, 1, output);
      assertOneLine(
        output,
        /^posthorn: Cannot (open|read) the database .*(posthorn\.db|directory): /,
      );
    });
  }
});

/** A message, not a stack. */
function assertOneLine(output: string, message: RegExp): void {
  assert.match(output, message);
  assert.equal(output.trim().split('\n').length, 1, output);
}

describe('a start that must fail', () => {
  it('says that the host has no address', async () => {
    await using directory = await temporaryDirectory();
    // An empty label: no DNS server is asked.
    const env = { HOST: 'no..host' };
    const { code, output } = await PosthornProcess.run({ directory: directory.path, env });
    assert.equal(code, 1, output);
    assertOneLine(output, /^posthorn: Cannot listen on no\.\.host:0: /);
  });

  it('names every wrong setting, and a port that is taken', async () => {
    await using directory = await temporaryDirectory();
    const wrong = await PosthornProcess.run({
      directory: directory.path,
      env: { PORT: 'x', LOG_LEVEL: 'loud' },
    });
    assert.equal(wrong.code, 1);
    assert.match(wrong.output, /PORT must be/);
    assert.match(wrong.output, /LOG_LEVEL must be/);

    await using taken = await Receiver.start();
    const busy = await PosthornProcess.run({
      directory: directory.path,
      env: { PORT: new URL(taken.url).port },
    });
    assert.equal(busy.code, 1);
    assert.match(busy.output, /Cannot listen/);
  });
});
