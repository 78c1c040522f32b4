/** A name with its colon, as a line begins. */
const NAME = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+:/y;

const SPACE = 0x20;
const TAB = 0x09;

export type HeaderFields = Record<string, string | string[]>;

/**
 * The header lines of a head, from `at` to the empty line that ends it; names in lower case, several of
 * one name as a list. Undefined where a line is none: no name, a space around it, a folded line. That
 * lines end in CRLF and hold nothing that no line may hold is the caller's to have looked at.
 */
export function headerFields(head: string, at: number): HeaderFields | undefined {
  const fields: HeaderFields = {};
  const emptyLine = head.length - 2;
  while (at < emptyLine) {
    NAME.lastIndex = at;
    if (!NAME.test(head)) return undefined;
    const valueAt = NAME.lastIndex;
    const name = head.slice(at, valueAt - 1).toLowerCase();
    const lineEnd = head.indexOf('\r\n', valueAt);
    add(fields, name, trimmed(head, valueAt, lineEnd));
    at = lineEnd + 2;
  }
  return fields;
}

function add(fields: HeaderFields, name: string, value: string): void {
  const before = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (before === undefined) {
    if (name === '__proto__') define(fields, name, value);
    else fields[name] = value;
  } else if (typeof before === 'string') {
    define(fields, name, [before, value]);
  } else {
    before.push(value);
  }
}

/** Assigning to `__proto__` would be lost. */
function define(fields: HeaderFields, name: string, value: string | string[]): void {
  Object.defineProperty(fields, name, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** Without spaces and tabs around it. `trim` would take a no-break space too, which is a value's own. */
export function trimmed(text: string, start = 0, end = text.length): string {
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (start < end && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
