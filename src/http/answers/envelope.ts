import { z } from 'zod';
import type { ErrorCode } from '../../domain/errors.ts';
import { STATUS_OF } from '../errors.ts';

export const ok = z.literal(true);

export const done = z.object({ ok });

export const warnings = z
  .array(z.string())
  .describe('Sentences about what took no part, or is likely not meant.');

export const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  .meta({ format: 'date-time', description: 'ISO 8601, UTC, with milliseconds.' });

/** A number of things. */
export const count = z.int().min(0);

export const errorAnswer = z
  .object({
    ok: z.literal(false),
    error: z.string().describe('A sentence.'),
    message: z.string().describe('The same sentence.'),
    code: z.enum(Object.keys(STATUS_OF) as [ErrorCode, ...ErrorCode[]]),
    details: z.array(z.object({ field: z.string(), issue: z.string() })).optional(),
  })
  .meta({ id: 'Error', additionalProperties: true });

export function single<Data extends z.ZodType>(data: Data) {
  return z.object({ ok, data });
}

export function list<Item extends z.ZodType>(item: Item) {
  return z.object({
    ok,
    data: z.array(item),
    next_cursor: z.string().nullable().describe('Hands the next page; null at the end.'),
  });
}

/** A response of the document, with its description. */
export function answer<Body extends z.ZodType>(description: string, schema: Body) {
  return { description, content: { 'application/json': { schema } } };
}

const ERRORS = {
  400: 'The body is no JSON, or has text that cannot be kept.',
  401: 'The API key is missing or unknown.',
  404: 'There is no such thing in this account.',
  409: 'Its state does not allow it.',
  413: 'Over a limit.',
  415: 'The content type is not supported.',
  422: 'Missing or wrong fields; every fault is listed.',
  500: 'Something went wrong here.',
  503: 'The store is away, or more waits than may be held. With Retry-After.',
} as const;

/** The errors that a route can answer with; 401, 500 and 503 are always among them. */
export function errors(...statuses: (keyof typeof ERRORS)[]) {
  const all = [...statuses, 401, 500, 503] as const;
  return Object.fromEntries(
    all.map((status) => [status, answer(ERRORS[status], errorAnswer)]),
  ) as Record<401, ReturnType<typeof answer<typeof errorAnswer>>>;
}

export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

export function isoTimeOrNull(milliseconds: number | null): string | null {
  return milliseconds === null ? null : isoTime(milliseconds);
}
