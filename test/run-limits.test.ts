import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { waitFor } from './e2e/wait-for.ts';

const FILE_LIMIT = new URL('file-limit.ts', import.meta.url).href;
const LIFELINE = new URL('e2e/lifeline.ts', import.meta.url).href;
const LIMIT_MS = 2_000;

/** Ways in which a file does not end, and which Node's own limit does not end. */
const HANGING: Readonly<Record<string, string>> = {
  'keeps a handle open': 'setInterval(() => undefined, 1_000);',
  'never lets go': 'for (;;);',
  'waits for ever and keeps a handle open':
    'setInterval(() => undefined, 1_000); return new Promise(() => undefined);',
  'leaves a child that holds its output':
    'spawn("sleep", ["300"], { stdio: "inherit" }); setInterval(() => undefined, 1_000);',
};

describe('a test file that', { concurrency: true }, () => {
  for (const [how, body] of Object.entries(HANGING)) {
    it(`${how} is ended, named and counted as failed`, async () => {
      const text = `import { spawn } from 'node:child_process';
        import { it } from 'node:test';
        it('hangs', () => { ${body} });`;
      const { code, output } = await run(text);
      assert.equal(code, 1, output);
      assert.match(output, /hanging\.test\.mjs did not end within 0\.0 minutes: it is killed/);
      assert.match(output, /✖ .*hanging\.test\.mjs/);
    });
  }
});

/** A whole run of one file, as `npm test` makes it, with a limit of its own. */
async function run(text: string): Promise<{ code: number | null; output: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'posthorn-run-'));
  try {
    const setup = `import { limitFiles } from '${FILE_LIMIT}';
      export const globalSetup = () => limitFiles(${LIMIT_MS});`;
    await writeFile(join(directory, 'setup.mjs'), setup);
    await writeFile(join(directory, 'hanging.test.mjs'), text);
    const { NODE_TEST_CONTEXT: _inner, ...env } = process.env;
    const child = spawn(
      process.execPath,
      ['--test', '--test-global-setup=setup.mjs', 'hanging.test.mjs'],
      { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    }
    await once(child, 'close');
    return { code: child.exitCode, output };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

describe('a server of the tests', () => {
  it('ends with them, with all that it has started, also where they are killed', async () => {
    const script = `
      import { spawn } from 'node:child_process';
      const { endWithUs } = await import('${LIFELINE}');
      const gone = spawn('true', [], { detached: true });
      endWithUs(gone);
      const stays = spawn('/bin/sh', ['-c', 'sleep 300 & echo $!; wait'], {
        detached: true, stdio: ['ignore', 'pipe', 'ignore'],
      });
      endWithUs(stays);
      stays.stdout.on('data', (pid) => console.log(stays.pid, String(pid).trim()));
      setInterval(() => undefined, 1_000);`;
    const tests = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(tests.stdout, 'data')) as [Buffer];
    const pids = String(line).trim().split(' ').map(Number);
    assert.equal(pids.length, 2);
    assert.deepEqual(pids.filter(lives), pids);
    tests.kill('SIGKILL');
    await waitFor('both are gone', () => !pids.some(lives));
  });
});

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
