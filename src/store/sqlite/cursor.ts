import { isEventId, type EventId } from '../../domain/ids.ts';
import { InvalidCursor } from '../store.ts';

/** Where a list of events or deliveries goes on: below this event, and of it below this webhook. */
export interface Position {
  readonly eventId: EventId;
  readonly webhookId: number;
}

/** Cursors are opaque to callers: base64url of the last item's place in the order. */
export function positionCursor({ eventId, webhookId }: Position): string {
  return Buffer.from(`${eventId}/${webhookId}`).toString('base64url');
}

export function parsePositionCursor(cursor: string): Position {
  const [eventId = '', webhookId = ''] = decode(cursor).split('/');
  if (!isEventId(eventId)) throw new InvalidCursor('The cursor is none of this list');
  return { eventId, webhookId: idOf(webhookId) };
}

export function idCursor(id: number): string {
  return Buffer.from(String(id)).toString('base64url');
}

export function parseIdCursor(cursor: string): number {
  return idOf(decode(cursor));
}

function decode(cursor: string): string {
  return Buffer.from(cursor, 'base64url').toString('latin1');
}

function idOf(text: string): number {
  if (!/^\d{1,16}$/.test(text)) throw new InvalidCursor('The cursor is none of this list');
  return Number(text);
}
