import { isUtf8 } from 'node:buffer';
import { PosthornError } from '../domain/errors.ts';

/** Lists and objects within each other: nothing that is meant goes deeper. */
const MAX_DEPTH = 64;

const BYTE_ORDER_MARK = '\ufeff';

/**
 * Parses a body, and refuses what JSON's grammar lets through but could not be stored and passed
 * on as it was: NUL and lone surrogates in text, numbers beyond what a double holds, towers.
 * @throws PosthornError `malformed_json`
 */
export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw malformed('is not valid UTF-8');
  const given = bytes.toString('utf8');
  const text = given.startsWith(BYTE_ORDER_MARK) ? given.slice(1) : given;
  const value = parse(text);
  // Valid UTF-8 has no surrogates, and JSON no raw control characters: only escapes can make them.
  const fault = faultIn(value, 1, text.includes('\\u'));
  if (fault !== undefined) throw malformed(fault);
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const [, line, column] = /line (\d+) column (\d+)/.exec((error as Error).message) ?? [];
    throw malformed(`is not valid JSON${line ? ` (line ${line}, column ${column})` : ''}`);
  }
}

/** Never goes deeper than the limit, however deep the value is. */
function faultIn(value: unknown, depth: number, hasEscapes: boolean): string | undefined {
  if (typeof value === 'string') return hasEscapes ? faultInText(value) : undefined;
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : 'has a number that is too large to be kept';
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > MAX_DEPTH) return `is nested more than ${MAX_DEPTH} levels deep`;
  return Array.isArray(value)
    ? faultInList(value, depth, hasEscapes)
    : faultInObject(value as Record<string, unknown>, depth, hasEscapes);
}

function faultInList(list: unknown[], depth: number, hasEscapes: boolean): string | undefined {
  for (const item of list) {
    const fault = faultIn(item, depth + 1, hasEscapes);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function faultInObject(
  object: Record<string, unknown>,
  depth: number,
  hasEscapes: boolean,
): string | undefined {
  for (const key in object) {
    const fault =
      (hasEscapes ? faultInText(key) : undefined) ?? faultIn(object[key], depth + 1, hasEscapes);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function faultInText(text: string): string | undefined {
  if (text.includes('\0')) return 'has a NUL character in text';
  return text.isWellFormed() ? undefined : 'has a lone surrogate in text';
}

function malformed(what: string): PosthornError {
  return new PosthornError('malformed_json', `The body ${what}`);
}
