import { validationError } from '../dialect/faults.ts';
import { parseEvent, type ParsedEvent } from '../dialect/seed.ts';
import { PosthornError, type ErrorCode } from '../domain/errors.ts';
import type { NewEvent } from '../domain/event.ts';
import type { Intake } from '../intake/intake.ts';
import { showAcceptance, type AcceptedAnswer } from './answers/event.ts';
import { JsonLines } from './body.ts';

/** In one call. */
export const MAX_EVENTS = 1_000;

/** Nothing is wrong with the event: it may be sent again. */
const LATER: ReadonlySet<ErrorCode> = new Set(['unavailable', 'overloaded']);

type Rejected = AcceptedAnswer['rejected'][number];

interface Refused {
  readonly index: number;
  readonly refusal: PosthornError;
}

/**
 * Puts in what a parsed body holds: one event, a list, or lines.
 * @returns what is answered with 202
 * @throws PosthornError where no event was good
 */
export async function ingest(
  body: unknown,
  accountId: number,
  intake: Intake,
): Promise<AcceptedAnswer> {
  const answers: AcceptedAnswer['events'] = [];
  const refused: Refused[] = [];
  const good: { event: NewEvent; index: number }[] = [];
  parseAll(body, accountId).forEach((parsed, index) => {
    if ('refusal' in parsed) refused.push({ index, refusal: parsed.refusal });
    else good.push({ event: parsed.event, index });
  });
  const acceptances = good.length === 0 ? [] : await intake.accept(good.map(({ event }) => event));
  acceptances.forEach((acceptance, i) => {
    const { event, index = i } = good[i] ?? {};
    if ('refusal' in acceptance) refused.push({ index, refusal: acceptance.refusal });
    else answers.push({ index, ...showAcceptance(acceptance, event?.callerEventId ?? null) });
  });
  if (answers.length === 0) throw noneGood(refused, isMany(body));
  return answerOf(answers, refused);
}

function parseAll(body: unknown, accountId: number): ParsedEvent[] {
  const now = Date.now();
  if (!isMany(body)) return [parseEvent(body, accountId, now)];
  const count = body instanceof JsonLines ? body.lines.length : body.length;
  if (count > MAX_EVENTS) {
    throw new PosthornError('payload_too_large', `A call may bring at most ${MAX_EVENTS} events`);
  }
  return body instanceof JsonLines
    ? body.lines.map((line) => ('value' in line ? parseEvent(line.value, accountId, now) : line))
    : body.map((value) => parseEvent(value, accountId, now));
}

function isMany(body: unknown): body is JsonLines | unknown[] {
  return body instanceof JsonLines || Array.isArray(body);
}

function answerOf(events: AcceptedAnswer['events'], refused: readonly Refused[]): AcceptedAnswer {
  const duplicates = events.filter(({ duplicate }) => duplicate).length;
  return {
    ok: true,
    accepted: events.length - duplicates,
    duplicates,
    rejected: refused.toSorted((a, b) => a.index - b.index).map(rejection),
    events,
  };
}

function rejection({ index, refusal }: Refused): Rejected {
  return { index, error: refusal.message };
}

/** A single event is refused for what it is; of many, each is told. */
function noneGood(refused: readonly Refused[], many: boolean): PosthornError {
  const [first] = refused;
  if (!first) return validationError([{ field: 'body', issue: 'has no event' }]);
  if (!many) return first.refusal;
  // What can be sent again as it is counts more than what has to be mended first.
  const later = refused.find(({ refusal }) => LATER.has(refusal.code));
  if (later) return later.refusal;
  const details = refused.flatMap(({ index, refusal }) =>
    refusal.details.map(({ field, issue }) => ({ field: `${index}.${field}`, issue })),
  );
  const sentence = `No event was good; event ${first.index}: ${first.refusal.message}`;
  return new PosthornError('validation_error', sentence, {
    details,
    extra: { rejected: refused.map(rejection) },
  });
}
