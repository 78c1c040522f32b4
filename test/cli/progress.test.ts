import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Progress, progressLine } from '../../src/cli/progress.ts';

function shown(isTTY: boolean, ...steps: readonly (readonly [number, number])[]): string {
  let text = '';
  const progress = new Progress({ isTTY, write: (more) => (text += more) });
  for (const [done, total] of steps) progress.show(done, total);
  progress.end();
  return text;
}

describe('progress', () => {
  it('is a bar, a share and two counts', () => {
    const half = `[${'#'.repeat(15)}${'-'.repeat(15)}]  50 %, 10,000 of 20,000`;
    assert.equal(progressLine(10_000, 20_000), half);
    assert.equal(progressLine(0, 3), `[${'-'.repeat(30)}]   0 %, 0 of 3`);
    assert.equal(progressLine(0, 0), `[${'#'.repeat(30)}] 100 %, 0 of 0`);
    assert.match(progressLine(999, 1_000), / 99 %/, 'all is done only at the end');
  });

  it('fills in place on a terminal, and leaves the line at the end', () => {
    const [one, two] = [progressLine(1, 4), progressLine(4, 4)];
    assert.equal(shown(true, [1, 4], [1, 4], [4, 4]), `\r${one}\r${two}\n`);
  });

  it('is a line for each tenth elsewhere', () => {
    const steps = Array.from({ length: 1_001 }, (_, i) => [i, 1_000] as const);
    const lines = shown(false, ...steps)
      .trimEnd()
      .split('\n');
    assert.deepEqual(
      lines,
      Array.from({ length: 11 }, (_, i) => progressLine(i * 100, 1_000)),
    );
    assert.equal(shown(false, [0, 0]), `${progressLine(0, 0)}\n`);
  });
});
