import type { z } from 'zod';
import { PosthornError, type FieldIssue } from '../domain/errors.ts';

/** The error's sentence names this many faults; `details` has them all. */
const NAMED_FAULTS = 8;

const KINDS: Readonly<Record<string, string>> = { string: 'text', number: 'a number' };

/** How a value is called in a sentence that says what it should have been. */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'boolean') return String(value);
  return KINDS[typeof value] ?? 'an object';
}

/** Whether a field was left out: null means the same. */
export function isLeftOut(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  object: 'a JSON object',
  record: 'a JSON object',
  array: 'a list',
};

/** Zod's findings in plain words: the end of a sentence that begins with the field's name. */
export const plainIssue: z.core.$ZodErrorMap = (issue) => {
  if (isLeftOut(issue.input)) return 'is required';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${EXPECTED[issue.expected] ?? issue.expected}, not ${kindOf(issue.input)}`;
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`;
    case 'too_big':
      return `must have at most ${issue.maximum} characters`;
    case 'too_small':
      return issue.minimum === 1
        ? 'must not be empty'
        : `must have at least ${issue.minimum} characters`;
    case 'custom':
      return issue.message;
    case 'invalid_format':
    case 'invalid_key':
    case 'invalid_element':
    case 'invalid_union':
    case 'unrecognized_keys':
    case 'not_multiple_of':
    default:
      return 'is not valid';
  }
};

/** Every fault, each said once. */
export function faultsOf(error: z.core.$ZodError): FieldIssue[] {
  const faults = new Map<string, FieldIssue>();
  for (const { path, message } of error.issues) {
    const fault = { field: path.join('.') || 'body', issue: message };
    faults.set(sentenceOf(fault), fault);
  }
  return [...faults.values()];
}

export function sentenceOf({ field, issue }: FieldIssue): string {
  return `${field} ${issue}`;
}

/** The error whose sentence names the faults and whose details list them. */
export function validationError(
  faults: readonly FieldIssue[],
  extra: Record<string, unknown> = {},
): PosthornError {
  const named = faults.slice(0, NAMED_FAULTS).map(sentenceOf);
  if (faults.length > NAMED_FAULTS) named.push(`${faults.length - NAMED_FAULTS} more faults`);
  return new PosthornError('validation_error', named.join('; '), { details: faults, extra });
}
