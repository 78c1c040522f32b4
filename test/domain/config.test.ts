import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { ConfigError, flagOf, readConfig, SETTINGS } from '../../src/config.ts';
import { DEFAULT_RETRY_SCHEDULE } from '../../src/domain/retry.ts';
import { AddressGuard } from '../../src/engine/address-guard.ts';

describe('settings', () => {
  it('have the defaults of the contract', () => {
    assert.deepEqual(readConfig({}, { dev: false }), {
      database: { kind: 'sqlite', file: './data/posthorn.db' },
      host: '127.0.0.1',
      port: 8080,
      apiKey: null,
      allowedTargets: [],
      requireHttps: true,
      retrySchedule: DEFAULT_RETRY_SCHEDULE,
      requestTimeoutMs: 15_000,
      connectTimeoutMs: 5_000,
      concurrency: 256,
      webhookConcurrency: 64,
      retentionMs: 30 * 86_400_000,
      roles: ['api', 'worker'],
      encryptionKeys: [],
      logLevel: 'info',
      dev: false,
    });
  });

  it('with --dev allow loopback and http, and nothing else differs', () => {
    const plain = readConfig({ POSTHORN_ALLOWED_TARGETS: '10.0.0.0/8' }, { dev: false });
    const dev = readConfig({ POSTHORN_ALLOWED_TARGETS: '10.0.0.0/8' }, { dev: true });
    assert.deepEqual(dev, {
      ...plain,
      allowedTargets: ['10.0.0.0/8', '127.0.0.0/8', '::1/128'],
      requireHttps: false,
      dev: true,
    });
  });

  it('name every fault at once, with what was expected', () => {
    const wrong = {
      DATABASE_URL: 'mysql://x',
      PORT: '80a',
      POSTHORN_API_KEY: 'short',
      POSTHORN_ALLOWED_TARGETS: '10.0.0.0/33',
      POSTHORN_REQUIRE_HTTPS: 'yes',
      POSTHORN_RETRY_SCHEDULE: '5s,soon',
      POSTHORN_REQUEST_TIMEOUT: '0s',
      POSTHORN_CONCURRENCY: '0',
      POSTHORN_RETENTION_DAYS: '-1',
      LOG_LEVEL: 'loud',
      POSTHORN_ENCRYPTION_KEY: 'unsafe',
      POSTHORN_METRICS_TOKEN: 'x',
    };
    assert.throws(
      () => readConfig(wrong, { dev: false }),
      (error: unknown) => {
        assert.ok(error instanceof ConfigError);
        const fields = error.faults.map(({ field }) => field);
        assert.deepEqual(fields.toSorted(), Object.keys(wrong).toSorted());
        assert.doesNotMatch(error.message, /short|unsafe/, 'a key must not be shown');
        return true;
      },
    );
  });

  for (const [good, entries] of [
    [true, ['10.0.0.0/8', '127.0.0.1', '::1', 'fd00::/8', '::ffff:10.0.0.0/104', '0.0.0.0/0']],
    [
      false,
      [
        '10.0.0.0/08',
        '10.0.0.0/33',
        '10.0.0.0/',
        '10.0.0/8',
        '::/129',
        '::1%lo',
        '::ffff:10.0.0.0/8',
        'localhost',
      ],
    ],
  ] as const) {
    for (const entry of entries) {
      it(`and the guard agree that ${entry} is ${good ? 'a' : 'no'} target to allow`, () => {
        const env = { POSTHORN_ALLOWED_TARGETS: `127.0.0.1, ${entry}` };
        const read = () => readConfig(env, { dev: false });
        const guard = () => new AddressGuard(['127.0.0.1', entry]);
        if (good) {
          assert.deepEqual(read().allowedTargets, ['127.0.0.1', entry]);
          assert.doesNotThrow(guard);
        } else {
          assert.throws(
            read,
            (error) => error instanceof ConfigError && error.message.includes(entry),
          );
          assert.throws(guard, RangeError);
        }
      });
    }
  }

  it('are all in .env.example, with their defaults', async () => {
    const example = await readFile(new URL('../../.env.example', import.meta.url), 'utf8');
    for (const setting of SETTINGS) {
      const shown = new RegExp(`^#${setting.name}=(.*)$`, 'm').exec(example)?.[1];
      assert.ok(shown !== undefined, setting.name);
      if (setting.default !== '') assert.equal(shown, setting.default, setting.name);
    }
  });

  it('have flags of the same name', () => {
    assert.deepEqual(SETTINGS.slice(0, 5).map(flagOf), [
      '--database-url',
      '--host',
      '--port',
      '--api-key',
      '--allowed-targets',
    ]);
  });

  it('take keys that encrypt in base64 and hex, several by commas', () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
    const texts = ['base64', 'base64url', 'hex'].map((encoding) =>
      Buffer.from(bytes).toString(encoding as BufferEncoding),
    );
    for (const text of texts) assert.deepEqual(keysOf(text), [bytes]);
    assert.deepEqual(keysOf(texts.join(', ')), [bytes, bytes, bytes]);
    assert.deepEqual(keysOf(''), []);
    for (const wrong of ['x', 'A'.repeat(42), 'A'.repeat(44), `${texts[0]}!`, `${texts[2]}00`]) {
      assert.throws(() => keysOf(wrong), /must be 32 bytes in base64 or hex/);
    }
  });
});

function keysOf(text: string): readonly Uint8Array[] {
  return readConfig({ POSTHORN_ENCRYPTION_KEY: text }, { dev: false }).encryptionKeys;
}
