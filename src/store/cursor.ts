import { isEventId, type DeliveryKey, type EventId } from '../domain/ids.ts';
import { InvalidCursor, type Page } from './store.ts';

/** Where a list of events or deliveries goes on: below this event, and of it below this webhook. */
export type Position = DeliveryKey;

/**
 * Cursors are opaque to callers: base64url of the last item's place in the order, with the letter of
 * its list before it, so that a cursor of one list is none of another.
 */
export function eventCursor(id: EventId): string {
  return encode(`e${id}`);
}

export function parseEventCursor(cursor: string): Position {
  return { eventId: eventIdOf(decode(cursor, 'e')), webhookId: 0 };
}

export function deliveryCursor({ eventId, webhookId }: DeliveryKey): string {
  return encode(`d${eventId}/${webhookId}`);
}

export function parseDeliveryCursor(cursor: string): Position {
  const [eventId = '', webhookId = '', ...more] = decode(cursor, 'd').split('/');
  if (more.length > 0) throw noCursor();
  return { eventId: eventIdOf(eventId), webhookId: idOf(webhookId) };
}

export function webhookCursor(id: number): string {
  return encode(`w${id}`);
}

export function parseWebhookCursor(cursor: string): number {
  return idOf(decode(cursor, 'w'));
}

/** Of the webhooks of then: they are other ones than those of the list of webhooks. */
export function webhookThenCursor(id: number): string {
  return encode(`t${id}`);
}

export function parseWebhookThenCursor(cursor: string): number {
  return idOf(decode(cursor, 't'));
}

/** Of what was found, which is one more than the page holds where it goes on. */
export function pageOf<Item>(
  found: readonly Item[],
  limit: number,
  cursorOf: (last: Item) => string,
): Page<Item> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: found.length > limit && last ? cursorOf(last) : null };
}

function encode(place: string): string {
  return Buffer.from(place).toString('base64url');
}

/** What was made here and nothing else: decoding passes over characters that are none of the code. */
function decode(cursor: string, list: string): string {
  const place = Buffer.from(cursor, 'base64url').toString('latin1');
  if (!place.startsWith(list) || encode(place) !== cursor) throw noCursor();
  return place.slice(1);
}

function eventIdOf(text: string): EventId {
  if (!isEventId(text)) throw noCursor();
  return text;
}

function idOf(text: string): number {
  if (!/^\d{1,16}$/.test(text)) throw noCursor();
  return Number(text);
}

function noCursor(): InvalidCursor {
  return new InvalidCursor('The cursor is none of this list');
}
