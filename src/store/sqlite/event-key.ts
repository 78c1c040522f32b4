import type { EventId } from '../../domain/ids.ts';

/** An event id as it is stored: its 16 bytes. */
export function toKey(id: EventId): Buffer {
  return Buffer.from(id.slice(4), 'hex');
}

export function fromKey(key: Uint8Array): EventId {
  return `evt_${Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('hex')}`;
}
