import { z } from 'zod';
import { parseIsoTime } from '../dialect/iso-time.ts';
import { id } from '../dialect/fields.ts';
import type { PageRequest } from '../store/store.ts';

const MAX_LIMIT = 100;
const DEFAULT_LIMIT = 50;

/** Digits become a number; whatever else is left to the schema behind to refuse. */
const digits = (text: unknown): unknown =>
  typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : text;

export const idText = z.preprocess(digits, id);

export const idParam = z.object({ id: idText });

const limitIssue = `must be a whole number from 1 to ${MAX_LIMIT}`;

export const page = {
  limit: z
    .preprocess(digits, z.int({ error: limitIssue }).min(1, limitIssue).max(MAX_LIMIT, limitIssue))
    .default(DEFAULT_LIMIT),
  cursor: z.string().optional().describe('The next_cursor of the page before.'),
};

export const timeText = z.string().transform((text, context) => {
  const parsed = parseIsoTime(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({
    code: 'custom',
    message: 'must be an ISO 8601 time, such as 2025-11-26T10:30:00Z',
  });
  return z.NEVER;
});

export const timeRange = {
  from: timeText.optional().describe('Accepted at this time or later (ISO 8601).'),
  to: timeText.optional().describe('Accepted before this time (ISO 8601).'),
};

/** For `superRefine`: an empty range is a mistake, not an empty list. */
export function fromBeforeTo(
  { from, to }: { from?: number | undefined; to?: number | undefined },
  context: z.RefinementCtx,
): void {
  if (from === undefined || to === undefined || from <= to) return;
  context.addIssue({ code: 'custom', path: ['from'], message: 'must not be after to' });
}

export function pageRequest(query: { limit: number; cursor?: string | undefined }): PageRequest {
  return { limit: query.limit, cursor: query.cursor ?? null };
}

/** Leaves out what was not asked for. */
export function given<Filter extends object>(filter: Filter): GivenFields<Filter> {
  return Object.fromEntries(
    Object.entries(filter).filter(([, value]) => value !== undefined),
  ) as GivenFields<Filter>;
}

type GivenFields<Filter> = { [Name in keyof Filter]?: Exclude<Filter[Name], undefined> };
