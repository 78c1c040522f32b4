import { z } from 'zod';
import { isLeftOut, kindOf } from './faults.ts';

/** The account's own ids of campaigns, clients and categories, and Posthorn's of webhooks. */
export const id = z.int({ error: idIssue }).min(1, { error: idIssue });

export const optionalId = id.nullish();

function idIssue({ input }: { input?: unknown }): string {
  if (isLeftOut(input)) return 'is required';
  return typeof input === 'number'
    ? `must be a positive integer up to ${Number.MAX_SAFE_INTEGER}`
    : `must be a positive integer, not ${kindOf(input)}`;
}

/**
 * For `superRefine`, where a misspelt field would mean something else that cannot be taken back: none is left
 * aside there.
 */
export function refuseUnknownFields(shape: z.ZodRawShape) {
  return (body: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void => {
    for (const field of Object.keys(body)) {
      if (Object.hasOwn(shape, field)) continue;
      context.addIssue({ code: 'custom', path: [field], message: 'is not a field known here' });
    }
  };
}

/** Fields of a body that the form does not know: they are left aside, and the caller is told. */
export function unknownFieldWarnings(
  form: { readonly shape: Readonly<Record<string, unknown>> },
  body: Readonly<Record<string, unknown>>,
): string[] {
  return Object.keys(body)
    .filter((name) => !Object.hasOwn(form.shape, name))
    .map((name) => `${JSON.stringify(name)} is not a field known here and was left aside`);
}
