import { aboutWebhook, OPERATIONAL_EVENT_TYPES } from '../domain/event.ts';
import type { Matchable } from '../domain/match.ts';

/** Types that only Posthorn makes, as a list in SQL. */
export const OPERATIONAL_TYPES = OPERATIONAL_EVENT_TYPES.map((type) => `'${type}'`).join(', ');

/** The body of an event that says whom it is about, as both stores read it: of others it is not needed. */
export const OPERATIONAL_BODY = `CASE WHEN type IN (${OPERATIONAL_TYPES}) THEN body END`;

export interface MatchedRow extends Omit<Matchable, 'aboutWebhookId'> {
  readonly body: string | null;
}

export function toMatchable({ body, ...event }: MatchedRow): Matchable {
  const about = body === null ? undefined : aboutWebhook({ type: event.type, body });
  return about === undefined ? event : { ...event, aboutWebhookId: about };
}
