import { readFileSync } from 'node:fs';

/** One system call that had returned, as `strace -f -ttt -y` tells it. */
export interface SystemCall {
  readonly name: string;
  readonly text: string;
  readonly result: string;
  /** Places in the trace: a call that another thread's lines interrupt begins before it ends. */
  readonly began: number;
  readonly ended: number;
}

const UNFINISHED = /^(\d+)\s+[\d.]+ (\w+)\((.*) <unfinished \.\.\.>$/;
const RESUMED = /^(\d+)\s+[\d.]+ <\.\.\. (\w+) resumed>(.*?)\)?\s+= (.*)$/;
const WHOLE = /^(\d+)\s+[\d.]+ (\w+)\((.*)\)\s+= (.*)$/;

/** Reads a trace, joining calls that were cut in two by other threads. */
export function readTrace(file: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const open = new Map<string, { text: string; began: number }>();
  readFileSync(file, 'utf8')
    .split('\n')
    .forEach((line, at) => {
      const unfinished = UNFINISHED.exec(line);
      if (unfinished) {
        const [, thread = '', , text = ''] = unfinished;
        open.set(thread, { text, began: at });
        return;
      }
      const [, thread = '', name = '', rest = '', result = ''] =
        RESUMED.exec(line) ?? WHOLE.exec(line) ?? [];
      if (name === '') return;
      const begun = line.includes(' resumed>') ? open.get(thread) : undefined;
      calls.push({
        name,
        text: (begun?.text ?? '') + rest,
        result,
        began: begun?.began ?? at,
        ended: at,
      });
    });
  return calls;
}
