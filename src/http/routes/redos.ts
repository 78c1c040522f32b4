import { z } from 'zod';
import { ENDED_STATUSES, type EndedStatus } from '../../domain/delivery.ts';
import { refuseUnknownFields } from '../../dialect/fields.ts';
import type { NewRedo } from '../../domain/redo.ts';
import { answer, count, errors, single } from '../answers/envelope.ts';
import { redoAnswer, showRedo } from '../answers/redo.ts';
import type { Api } from '../api.ts';
import type { HttpDeps } from '../deps.ts';
import { idParam, timeText } from '../query.ts';

const tags = ['webhooks'];

/** Callers' clocks may be ahead by so much when they say "now". */
const CLOCKS_MS = 60_000;

const range = {
  from: timeText.describe('Accepted at this time or later (ISO 8601).'),
  to: timeText.describe('Accepted before this time (ISO 8601). Left out: now.').nullish(),
  dry_run: z.boolean().describe('Only count. Left out: false.').nullish(),
};

const statusesIssue = `must list one or more of ${ENDED_STATUSES.join(', ')}`;

const replayForm = checked({
  ...range,
  statuses: z
    .array(z.enum(ENDED_STATUSES, { error: statusesIssue }), { error: statusesIssue })
    .min(1, { error: statusesIssue })
    .describe('Left out: exhausted.')
    .nullish(),
});

const backfillForm = checked(range);

const redoStarted = z.union([
  redoAnswer,
  z.object({ count }).describe('Of a dry run: how many deliveries it would be about.'),
]);

/** A misspelt field would mean another range, or no dry run. */
function checked<Shape extends z.ZodRawShape & typeof range>(shape: Shape) {
  return z.looseObject(shape).superRefine((body, context) => {
    const fault = (field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [field], message });
    refuseUnknownFields(shape)(body, context);
    const { from, to } = body as { from: number; to?: number | null };
    const latest = Date.now() + CLOCKS_MS;
    if (from > latest) fault('from', 'must not be in the future');
    if (typeof to !== 'number') return;
    if (to > latest) fault('to', 'must not be in the future; left out, it is now');
    else if (from >= to) fault('from', 'must be before to');
  });
}

/** Sending again what has ended, and what was missed. */
export function redoRoutes(api: Api, { redos }: Pick<HttpDeps, 'redos'>): void {
  const response = {
    200: answer('How many, and how far it is.', single(redoStarted)),
    ...errors(400, 404, 409, 413, 415, 422),
  };
  const run = async (asked: NewRedo, dryRun: boolean) => {
    const data = dryRun ? { count: await redos.dryRun(asked) } : showRedo(await redos.start(asked));
    return { ok: true as const, data };
  };
  const replay = {
    tags,
    summary: 'Send deliveries of a time range again',
    description:
      'Puts the deliveries that have ended so, of events accepted in the range, back to pending with a ' +
      'fresh retry schedule; attempts go on being numbered. It is about what has ended by now: each of ' +
      'those once, and nothing that ends later. Large ones go on step by step, only as fast as the ' +
      'webhook takes them, so that events accepted meanwhile are not held up; see GET /redos/{id}. ' +
      'Deliveries of a paused webhook wait; a disabled or deleted one is a 409.',
    params: idParam,
    body: replayForm,
    response,
  };
  api.post('/webhook/:id/replay', { schema: replay }, ({ params, body, principal }) => {
    const statuses: readonly EndedStatus[] = body.statuses ?? ['exhausted'];
    const asked = { ...rangeOf(body), kind: 'replay' as const, statuses };
    const { accountId } = principal;
    return run({ ...asked, accountId, webhookId: params.id }, body.dry_run ?? false);
  });
  const backfill = {
    tags,
    summary: 'Send events of a time range that a webhook missed',
    description:
      'Makes deliveries for events accepted in the range that fit the webhook as it is now, by scope, ' +
      'type and category, and have no delivery to it: it was made later, was disabled, or filtered ' +
      'differently then. Otherwise like a replay.',
    params: idParam,
    body: backfillForm,
    response,
  };
  api.post('/webhook/:id/backfill', { schema: backfill }, ({ params, body, principal }) => {
    const asked = { ...rangeOf(body), kind: 'backfill' as const, statuses: [] };
    const { accountId } = principal;
    return run({ ...asked, accountId, webhookId: params.id }, body.dry_run ?? false);
  });
  showRoute(api, redos);
}

function showRoute(api: Api, redos: HttpDeps['redos']): void {
  const schema = {
    tags,
    summary: 'Show how far a replay or backfill is',
    params: idParam,
    response: { 200: answer('How far it is.', single(redoAnswer)), ...errors(404, 422) },
  };
  api.get('/redos/:id', { schema }, async ({ params, principal }) => {
    const redo = await redos.show(principal.accountId, params.id);
    return { ok: true as const, data: showRedo(redo) };
  });
}

/** Until now: also what a node whose clock is ahead has accepted by now. */
function rangeOf({ from, to }: { from: number; to?: number | null | undefined }): {
  from: number;
  to: number;
} {
  return { from, to: to ?? Date.now() + CLOCKS_MS };
}
