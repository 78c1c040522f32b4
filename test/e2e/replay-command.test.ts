import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from './ground.ts';
import { API_KEY, PosthornProcess } from './posthorn-process.ts';
import { answer, Receiver } from './receiver.ts';
import { createWebhook, inStatus, putIn } from './scene.ts';
import { waitFor } from './wait-for.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const FROM = ['--from', '2020-01-01'];

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function replay(directory: string, args: readonly string[], key = API_KEY): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, 'replay', ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...(key !== '' && { POSTHORN_API_KEY: key }) },
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => (output[stream] += chunk));
  }
  await once(child, 'close');
  clearTimeout(timer);
  return { code: child.exitCode, ...output };
}

/** Answers everything so. */
async function serverThat(behave: Parameters<typeof createServer>[1]): Promise<{
  readonly server: Server;
  readonly url: string;
}> {
  const server = createServer(behave);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('posthorn replay', () => {
  it('counts, puts back, shows how far it is, and says how it ended', async () => {
    await using directory = await temporaryDirectory();
    let status = 500;
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, status),
    );
    await using server = await PosthornProcess.start({ directory: directory.path });
    // So few at a time that it takes several steps; and none twice, so that its breaker stays closed.
    const policy = { concurrency: 1, retry_schedule: [] };
    const { id } = await createWebhook(server, receiver.url, policy);
    const events: string[] = [];
    for (let i = 0; i < 9; i += 1) events.push(await putIn(server));
    for (const event of events) await inStatus(server, event, id, 'exhausted');
    status = 200;
    const args = [String(id), ...FROM, '--url', server.url];
    const dry = await replay(directory.path, [...args, '--dry-run']);
    assert.deepEqual(dry, {
      code: 0,
      stdout: 'A replay would be about 9 deliveries.\n',
      stderr: '',
    });
    const none = await replay(directory.path, [...args, '--status', 'succeeded, canceled']);
    assert.deepEqual([none.code, none.stdout], [0, 'Put back 0 of 0 deliveries.\n']);
    const { code, stdout, stderr } = await replay(directory.path, args);
    assert.deepEqual([code, stdout], [0, 'Put back 9 of 9 deliveries.\n'], stderr);
    const lines = stderr.trimEnd().split('\n');
    assert.match(lines[0] ?? '', /^Replay \d+ goes on in the server/);
    assert.equal(lines.at(-1), `[${'#'.repeat(30)}] 100 %, 9 of 9`, 'no terminal: plain lines');
    assert.doesNotMatch(stderr, /\r/);
    for (const event of events) await inStatus(server, event, id, 'succeeded');
  });

  it('says that the webhook was stopped, and fails', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    await using server = await PosthornProcess.start({ directory: directory.path });
    const { id } = await createWebhook(server, receiver.url, { concurrency: 1 });
    const events: string[] = [];
    for (let i = 0; i < 10; i += 1) events.push(await putIn(server));
    for (const event of events) await inStatus(server, event, id, 'succeeded');
    await server.call('POST', `/api/v1/webhook/${id}/pause`);
    const args = [String(id), ...FROM, '--url', server.url, '--status', 'succeeded'];
    const ending = replay(directory.path, args);
    await waitFor('the replay has begun', async () => {
      const { json } = await server.call(
        'GET',
        `/api/v1/deliveries?webhook_id=${id}&status=pending`,
      );
      return (json['data'] as unknown[]).length > 0;
    });
    await server.call('DELETE', `/api/v1/webhook/delete/${id}`);
    const { code, stderr } = await ending;
    assert.equal(code, 1);
    assert.match(stderr, /Put back 2 of 10 deliveries; then the webhook was disabled or deleted/);
  });

  it('says what is wrong in one line, and fails', async () => {
    await using directory = await temporaryDirectory();
    await using server = await PosthornProcess.start({ directory: directory.path });
    const at = [...FROM, '--url', server.url];
    const fails = async (args: readonly string[], why: RegExp, key?: string): Promise<void> => {
      const { code, stdout, stderr } = await replay(directory.path, args, key);
      assert.deepEqual([code, stdout], [1, ''], stderr);
      assert.match(stderr, why);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
      assert.ok(!stderr.includes(API_KEY));
    };
    await fails(['1', ...at], /There is no webhook 1/);
    await fails(['x', ...at], /id must be a positive integer/);
    await fails(['1', ...at, '--status', 'failed'], /must list one or more of succeeded/);
    await fails(['1', '--from', 'yesterday', '--url', server.url], /from must be an ISO 8601/);
    await fails(['1', ...at], /Invalid API Key/, 'another-key-0123456789');
    await fails(['1', ...at], /POSTHORN_API_KEY is not set/, '');
    await fails(['1'], /--from/);
    await fails(['1', ...FROM, '--url', 'http://127.0.0.1:9'], /No server can be reached at http/);
    const { server: other, url } = await serverThat((_, response) => response.end('<html>'));
    await fails(['1', ...FROM, '--url', url], /is no Posthorn/);
    other.close();
  });

  it('waits for a server that is away for a while', async () => {
    await using directory = await temporaryDirectory();
    const redo = { id: 7, status: 'running', count: 2, done: 1 };
    let looks = 0;
    const { server, url } = await serverThat((request, response) => {
      if (request.method === 'POST') return response.end(JSON.stringify({ ok: true, data: redo }));
      looks += 1;
      if (looks === 1) return request.socket.destroy();
      if (looks === 2) {
        response.statusCode = 503;
        return response.end(JSON.stringify({ ok: false, error: 'The store is away' }));
      }
      const data = { ...redo, status: 'done', done: 2 };
      return response.end(JSON.stringify({ ok: true, data }));
    });
    const { code, stdout } = await replay(directory.path, ['1', ...FROM, '--url', url]);
    server.close();
    assert.deepEqual([code, stdout, looks], [0, 'Put back 2 of 2 deliveries.\n', 3]);
  });
});
