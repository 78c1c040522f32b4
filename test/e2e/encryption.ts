import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
import { Receiver, type Received } from './receiver.ts';
import { createWebhook, inStatus, putIn } from './scene.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

const key = (): string => randomBytes(32).toString('base64');

function env(...keys: readonly string[]): Record<string, string> {
  return { LOG_LEVEL: 'warn', POSTHORN_ENCRYPTION_KEY: keys.join(',') };
}

async function reencrypt(
  directory: string,
  settings: Record<string, string>,
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [MAIN, 'reencrypt'], {
    cwd: directory,
    env: { PATH: process.env['PATH'], ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  }
  await once(child, 'close');
  return { code: child.exitCode, output };
}

function verified({ body, headers }: Received, secret: string): void {
  const given = Object.entries(headers).map(([name, value]) => [name, String(value)]);
  new StandardWebhook(secret).verify(body, Object.fromEntries(given) as Record<string, string>);
}

describe('a key that encrypts secrets', () => {
  it('is changed with a command, and without it the server does not start', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    const [old, next] = [key(), key()];
    const headers = { Authorization: 'Bearer t0ken' };
    const start = (...keys: readonly string[]): Promise<PosthornProcess> =>
      PosthornProcess.start({ directory: directory.path, env: env(...keys) });
    const sends = async (server: PosthornProcess): Promise<void> => {
      await inStatus(server, await putIn(server), webhook.id, 'succeeded');
      const received = receiver.received.at(-1);
      assert.ok(received);
      verified(received, webhook.secret);
      assert.equal(received.headers.authorization, headers.Authorization);
    };

    await using first = await start(old);
    const webhook = await createWebhook(first, receiver.url, { headers });
    await sends(first);
    await first.end('SIGTERM');

    for (const [wrong, saying] of [
      [[next], /are encrypted with the key [0-9a-f]{8}, which is not in POSTHORN_ENCRYPTION_KEY/],
      [[], /POSTHORN_ENCRYPTION_KEY has to have it/],
    ] as const) {
      const options = { directory: directory.path, env: env(...wrong) };
      const { code, output } = await PosthornProcess.run(options);
      assert.equal(code, 1);
      assert.match(output, saying);
      assert.doesNotMatch(output, /\n +at /, 'a message, not a stack');
      for (const secret of [old, next]) assert.ok(!output.includes(secret));
    }

    const refused = await reencrypt(directory.path, env(next));
    assert.deepEqual([refused.code, /which is not in/.test(refused.output)], [1, true]);
    const keyless = await reencrypt(directory.path, env());
    assert.deepEqual([keyless.code, /is not set/.test(keyless.output)], [1, true]);
    const done = await reencrypt(directory.path, env(next, old));
    assert.deepEqual(
      [done.code, done.output],
      [0, 'Encrypted the secrets of 1 webhooks with the first key.\n'],
    );

    await using second = await start(next);
    await sends(second);
  });
});
