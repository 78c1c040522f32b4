import { randomFillSync } from 'node:crypto';

/** An event's public id: `evt_` and the 32 hex digits of a UUIDv7 (RFC 9562). */
export type EventId = `evt_${string}`;

/** A delivery's public id: `dlv_`, its event's 32 hex digits, `_`, its webhook's id. */
export type DeliveryId = `dlv_${string}`;

/** A delivery is one event on its way to one webhook: the pair is its identity. */
export interface DeliveryKey {
  readonly eventId: EventId;
  readonly webhookId: number;
}

const EVENT_ID = /^evt_[0-9a-f]{32}$/;
const DELIVERY_ID = /^dlv_([0-9a-f]{32})_([1-9][0-9]{0,15})$/;

export function isEventId(text: string): text is EventId {
  return EVENT_ID.test(text);
}

export function deliveryId(key: DeliveryKey): DeliveryId {
  return `dlv_${key.eventId.slice(4)}_${key.webhookId}`;
}

/** The key that a delivery id spells, or undefined where the text is no delivery id. */
export function parseDeliveryId(text: string): DeliveryKey | undefined {
  const found = DELIVERY_ID.exec(text);
  if (!found) return undefined;
  const webhookId = Number(found[2]);
  return Number.isSafeInteger(webhookId) ? { eventId: `evt_${found[1]}`, webhookId } : undefined;
}

/** The moment of acceptance, in milliseconds since 1970: an event id begins with it. */
export function acceptedAt(id: EventId): number {
  return Number.parseInt(id.slice(4, 16), 16);
}

/** The smallest event id of a millisecond: a bound for ranges of acceptance. */
export function firstEventIdAt(time: number): EventId {
  const clamped = Math.min(Math.max(Math.ceil(time), 0), 0xffff_ffff_ffff);
  return `evt_${clamped.toString(16).padStart(12, '0')}${'0'.repeat(20)}`;
}

const RANDOM_POOL_BYTES = 4096;

/**
 * Makes event ids that rise within one process: 48 bits of time, a 12-bit counter where
 * RFC 9562 has `rand_a` (method 1 of its section 6.2), 62 random bits. A clock that
 * steps back does not make an id fall: the last time is used until it is overtaken.
 */
export function eventIdMaker(now: () => number = Date.now): () => EventId {
  const pool = Buffer.allocUnsafe(RANDOM_POOL_BYTES);
  let used = RANDOM_POOL_BYTES;
  let time = 0;
  let timeDigits = '';
  let counter = 0;
  return () => {
    const clock = now();
    if (clock > time) {
      time = clock;
      counter = 0;
    } else if (++counter > 0xfff) {
      time += 1;
      counter = 0;
    }
    if (used + 8 > RANDOM_POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    pool[used] = ((pool[used] ?? 0) & 0x3f) | 0x80;
    const random = pool.toString('hex', used, used + 8);
    used += 8;
    if (counter === 0 || timeDigits === '') timeDigits = time.toString(16).padStart(12, '0');
    return `evt_${timeDigits}7${counter.toString(16).padStart(3, '0')}${random}`;
  };
}
