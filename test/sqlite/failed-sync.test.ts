import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../e2e/ground.ts';

const SYNCS = 'fsync,fdatasync';
const CHILD = fileURLToPath(new URL('commits-in-waiting.ts', import.meta.url));

/** @param failing which sync of the log fails, that one alone; 0: none */
async function commitInWaiting(failing: number) {
  await using directory = await temporaryDirectory();
  const [file, trace] = [join(directory.path, 'posthorn.db'), join(directory.path, 'trace')];
  const inject = failing > 0 ? ['-e', `inject=${SYNCS}:error=EIO:when=${failing}`] : [];
  const strace = ['-f', '-o', trace, '-P', `${file}-wal`, '-e', `trace=${SYNCS}`, ...inject];
  const command = [...strace, process.execPath, CHILD, file];
  const { stdout } = await promisify(execFile)('strace', command, { timeout: 60_000 });
  const syncs = (await readFile(trace, 'utf8')).match(/f(?:data)?sync\(/g) ?? [];
  return { syncs: syncs.length, ...(JSON.parse(stdout) as { ends: string[]; broken: boolean }) };
}

describe('a sync that fails once, while commits wait at the writer', () => {
  it('is told, and nothing is promised from then on', async () => {
    const { syncs, ...well } = await commitInWaiting(0);
    assert.deepEqual(well, { ends: Array.from({ length: 4 }, () => 'promised'), broken: false });
    const broken = Array.from({ length: 4 }, () => 'StoreBroken');
    // The last one comes with the end of the process, which closes the file.
    const shared = await commitInWaiting(syncs - 1);
    assert.deepEqual(shared, { syncs, ends: ['promised', ...broken.slice(1)], broken: true });
    const first = await commitInWaiting(syncs - 2);
    assert.deepEqual([first.ends, first.broken], [broken, true]);
  });
});
