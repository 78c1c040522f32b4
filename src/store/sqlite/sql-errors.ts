import {
  InvalidCursor,
  StoreBroken,
  StoreNotUsable,
  StoreRefused,
  StoreUnavailable,
} from '../store.ts';

/**
 * What each failure of SQLite means for what happens next, by the beginning of its code; the first
 * one that fits counts. After a failed sync the kernel may have dropped the pages it could not
 * write, and a later sync would succeed without them: nothing may be promised any more.
 */
const MEANINGS: readonly (readonly [string, 'unavailable' | 'refused' | 'broken'])[] = [
  ['SQLITE_IOERR_FSYNC', 'broken'],
  ['SQLITE_IOERR_DIR_FSYNC', 'broken'],
  ['SQLITE_CORRUPT', 'broken'],
  ['SQLITE_NOTADB', 'broken'],
  ['SQLITE_BUSY', 'unavailable'],
  ['SQLITE_LOCKED', 'unavailable'],
  ['SQLITE_FULL', 'unavailable'],
  ['SQLITE_IOERR', 'unavailable'],
  ['SQLITE_CANTOPEN', 'unavailable'],
  ['SQLITE_READONLY', 'unavailable'],
  ['SQLITE_NOMEM', 'unavailable'],
  ['SQLITE_CONSTRAINT', 'refused'],
  ['SQLITE_MISMATCH', 'refused'],
  ['SQLITE_TOOBIG', 'refused'],
  ['SQLITE_RANGE', 'refused'],
];

const CLASSES = {
  StoreUnavailable,
  StoreRefused,
  StoreBroken,
  StoreNotUsable,
  InvalidCursor,
} as const;

/** An error as it crosses from a thread to the next. */
export interface FlatError {
  readonly name: keyof typeof CLASSES | 'Error';
  readonly message: string;
}

export function flatten(error: unknown): FlatError {
  for (const name of Object.keys(CLASSES) as (keyof typeof CLASSES)[]) {
    if (error instanceof CLASSES[name]) return { name, message: error.message };
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  switch (MEANINGS.find(([prefix]) => code.startsWith(prefix))?.[1]) {
    case 'broken':
      return { name: 'StoreBroken', message: `${describe(code)} (${code}: ${message})` };
    case 'unavailable':
      return { name: 'StoreUnavailable', message: `${code}: ${message}` };
    case 'refused':
      return { name: 'StoreRefused', message: `${code}: ${message}` };
    case undefined:
      // Binding a value that SQLite cannot hold.
      if (error instanceof TypeError || error instanceof RangeError) {
        return { name: 'StoreRefused', message };
      }
      return { name: 'Error', message: code === '' ? message : `${code}: ${message}` };
  }
}

export function unflatten({ name, message }: FlatError): Error {
  return name === 'Error' ? new Error(message) : new CLASSES[name](message);
}

/** SQLite's own code of an error, empty where it is none of SQLite's. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code : '';
}

function describe(code: string): string {
  return code.includes('FSYNC')
    ? 'The disk reported that a sync failed: what was written may be lost'
    : 'The database file is damaged';
}
