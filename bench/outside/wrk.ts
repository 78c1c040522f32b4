import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WARM_UP_MS, type BenchSettings } from '../bench-case.ts';
import { endsWithBench, temporaryDirectory } from '../children.ts';
import { bodyTemplate } from '../event-body.ts';
import type { Target } from '../keep-alive-client.ts';
import { OthersUse } from '../others-use.ts';
import type { Window } from '../stores/bench-store.ts';
import { CAMPAIGN_ID, CLIENTS } from '../sustained.ts';

const PROGRAM = 'wrk';
/** Of the event's number in its lead's address, as in the benchmark's own load. */
const NUMBER = '00000000';
/** The numbers of the events that are measured begin here, those of the warm-up before. */
const MEASURED_FROM = 50_000_000;
/** So long after its start wrk posts for sure, and so long before its end it still does. */
const MARGIN_MS = 200;

export function wrkRuns(): boolean {
  // It has no option that ends with 0.
  return spawnSync(PROGRAM, ['--version']).error === undefined;
}

/** A closed loop over keep-alive connections. The window lies within the measurement, after a warm-up. */
export interface WrkLoad extends Window {
  /** In the whole of the measurement. */
  readonly answeredPerSecond: number;
  /** Answered at all; more were accepted: at its end wrk does not wait for the last answers. */
  readonly answered: number;
  /** Answers beyond 399, and connections that ended. */
  readonly failed: number;
  readonly usedByOthers: number;
}

interface Summary {
  /** When it was started, in milliseconds since 1970: it posts some milliseconds later. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly answered: number;
  readonly failed: number;
}

export async function measureWrk(target: Target, { seconds }: BenchSettings): Promise<WrkLoad> {
  using directory = temporaryDirectory(tmpdir());
  const run = (forSeconds: number, firstNumber: number): Promise<Summary> => {
    const file = join(directory.path, `${firstNumber}.lua`);
    writeFileSync(file, script(target, firstNumber));
    return runWrk(file, target, forSeconds);
  };
  const use = new OthersUse();
  const warmUp = await run(WARM_UP_MS / 1_000, 0);
  const { startedAt, durationMs, answered, failed } = await run(seconds, MEASURED_FROM);
  return {
    from: startedAt + MARGIN_MS,
    to: startedAt + durationMs - MARGIN_MS,
    answeredPerSecond: (answered / durationMs) * 1_000,
    answered: warmUp.answered + answered,
    failed: warmUp.failed + failed,
    usedByOthers: use.share,
  };
}

function runWrk(file: string, { origin, path }: Target, seconds: number): Promise<Summary> {
  const options = ['-t', '1', '-c', String(CLIENTS), '-d', `${seconds}s`, '-s', file];
  const startedAt = Date.now();
  const child = endsWithBench(
    spawn(PROGRAM, [...options, origin + path], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (printed += text));
    child.once('error', reject);
    child.once('close', () => {
      const summary = /^summary (\d+) (\d+) (\d+)$/m.exec(printed);
      if (!summary) return reject(new Error(`wrk said:\n${printed}`));
      const [answered = 0, durationUs = 0, failed = 0] = summary.slice(1).map(Number);
      resolve({ startedAt, durationMs: durationUs / 1_000, answered, failed });
    });
  });
}

/** In Lua: the same request as the benchmark's own load posts, and a summary that can be read. */
function script({ headers }: Target, firstNumber: number): string {
  const body = bodyTemplate(CAMPAIGN_ID).bytes.toString();
  const [before = '', after = ''] = body.split(NUMBER);
  const all = Object.entries({ 'content-type': 'application/json', ...headers });
  return `wrk.method = "POST"
${all.map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`).join('\n')}
local number = ${firstNumber}
function request()
  number = number + 1
  return wrk.format(nil, nil, nil, [==[${before}]==] .. string.format("%0${NUMBER.length}d", number) .. [==[${after}]==])
end
function done(summary)
  local e = summary.errors
  local failed = e.status + e.connect + e.read + e.write + e.timeout
  io.write(string.format("\\nsummary %d %d %d\\n", summary.requests, summary.duration, failed))
end
`;
}
