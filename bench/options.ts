import { parseArgs } from 'node:util';

const STORE_NAMES = ['sqlite', 'postgres'] as const;
export type StoreName = (typeof STORE_NAMES)[number];

export interface Options {
  readonly help: boolean;
  readonly seconds: number;
  readonly repeats: number;
  readonly directory: string;
  /** Names of stores. */
  readonly stores: readonly StoreName[];
  /** Whether the cases that take long are measured too. */
  readonly full: boolean;
  /** Whether case (a) measures what a team would write by hand too. */
  readonly peers: boolean;
  /** Letters of cases; undefined: all, or all but the long ones. */
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
      full: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: false },
      stores: { type: 'string', default: STORE_NAMES.join(',') },
      directory: { type: 'string', default: defaultDirectory },
    },
  });
  const only = values.only === undefined ? undefined : knownOnes('--only', values.only, letters);
  if (values.peers && only?.includes('a') === false) {
    throw new Error('--peers measures beside case a: give --only that too');
  }
  return {
    help: values.help,
    seconds: wholeNumber('--seconds', values.seconds, 600),
    repeats: wholeNumber('--repeats', values.repeats, 100),
    directory: values.directory,
    full: values.full,
    stores: knownOnes('--stores', values.stores, STORE_NAMES),
    peers: values.peers,
    only,
  };
}

function wholeNumber(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > max) {
    throw new Error(`${flag} must be a whole number from 1 to ${max}, not "${text}"`);
  }
  return value;
}

function knownOnes<Name extends string>(
  flag: string,
  text: string,
  names: readonly Name[],
): readonly Name[] {
  return text.split(',').map((given) => {
    const known = names.find((name) => name === given.trim());
    if (known !== undefined) return known;
    throw new Error(`${flag} takes some of ${names.join(', ')}, by commas; not "${given}"`);
  });
}
