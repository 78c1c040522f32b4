import { parseArgs } from 'node:util';

export interface Options {
  readonly help: boolean;
  readonly seconds: number;
  readonly repeats: number;
  readonly directory: string;
  /** Letters of cases; undefined: all. */
  readonly only: readonly string[] | undefined;
}

/** @throws Error whose message tells what is wrong with the arguments */
export function readOptions(
  args: readonly string[],
  letters: readonly string[],
  defaultDirectory: string,
): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      seconds: { type: 'string', default: '6' },
      repeats: { type: 'string', default: '3' },
      only: { type: 'string' },
      directory: { type: 'string', default: defaultDirectory },
    },
  });
  return {
    help: values.help,
    seconds: wholeNumber('--seconds', values.seconds, 600),
    repeats: wholeNumber('--repeats', values.repeats, 100),
    directory: values.directory,
    only: values.only?.split(',').map((letter) => knownLetter(letter.trim(), letters)),
  };
}

function wholeNumber(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > max) {
    throw new Error(`${flag} must be a whole number from 1 to ${max}, not "${text}"`);
  }
  return value;
}

function knownLetter(letter: string, letters: readonly string[]): string {
  if (letters.includes(letter)) return letter;
  throw new Error(`--only takes letters of ${letters.join(', ')}, by commas; not "${letter}"`);
}
