import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
import { readTrace, type SystemCall } from './system-calls.ts';

// SIGKILL cannot see a missing sync: the kernel still has the pages. So the system calls are read.
// `strace` is Debian's; .ci/run installs it, and without it this test fails rather than skips.
const STRACE = [
  'strace',
  '-f',
  '-ttt',
  '-y',
  '-s',
  '48',
  '-e',
  'trace=fdatasync,fsync,pwrite64,write,writev,sendto,sendmsg',
];
const EVENTS = 12;

it('syncs the log of the database before each 202, at every opening', async (t) => {
  assert.equal(spawnSync('strace', ['-V']).status, 0, 'strace is needed: apt-get install strace');
  await using directory = await temporaryDirectory();
  // A new file, one that was closed well, and one that was left by SIGKILL.
  await traceOneRun(t, directory.path, 'SIGTERM');
  await traceOneRun(t, directory.path, 'SIGKILL');
  await traceOneRun(t, directory.path, 'SIGTERM');
});

async function traceOneRun(
  t: TestContext,
  directory: string,
  signal: NodeJS.Signals,
): Promise<void> {
  const trace = join(directory, `trace-${process.hrtime.bigint()}`);
  await using server = await PosthornProcess.start({
    directory,
    wrapper: [...STRACE, '-o', trace],
    env: { LOG_LEVEL: 'warn' },
  });
  for (let i = 0; i < EVENTS; i += 1) {
    const { status } = await server.call('POST', '/api/v1/events', {
      event_type: 'SENT',
      campaign_id: 1,
      lead_email: 'a@example.com',
    });
    assert.equal(status, 202);
  }
  await server.end(signal);
  const calls = readTrace(trace);
  const answers = calls.filter(isAccepted);
  assert.equal(answers.length, EVENTS, 'every 202 is in the trace');
  let before = 0;
  let syncs = 0;
  for (const answer of answers) {
    const written = calls.filter(
      (call) => isLogWrite(call) && call.began > before && call.ended < answer.began,
    );
    const lastWrite = written.at(-1);
    assert.ok(lastWrite, 'the event was written to the log before its 202');
    const synced = calls.some(
      (call) => isLogSync(call) && call.began > lastWrite.ended && call.ended < answer.began,
    );
    assert.ok(synced, 'a sync of the log returned between the write and the 202');
    syncs += 1;
    before = answer.ended;
  }
  t.diagnostic(`${signal}: ${syncs} of ${EVENTS} answers had their sync before them`);
}

function isAccepted({ name, text }: SystemCall): boolean {
  return /^(write|writev|sendto|sendmsg)$/.test(name) && text.includes('HTTP/1.1 202');
}

function isLogWrite({ name, text }: SystemCall): boolean {
  return name === 'pwrite64' && text.includes('posthorn.db-wal>');
}

function isLogSync({ name, text, result }: SystemCall): boolean {
  return /^f(data)?sync$/.test(name) && text.includes('posthorn.db-wal>') && result.startsWith('0');
}
