/** Every event of a run has a number, in its lead's address: the receiver knows it by that. */
const DIGITS = 8;
const MARK = 'lead-';
const MIX_DIGITS = 6;
/** Prime to the powers of ten: events one after another get addresses that are far apart. */
const MIXES_BY = 48_271;

/** Whether each event's address comes behind that of the last one, or anywhere. */
export type LeadOrder = 'rising' | 'mixed';

export interface BodyTemplate {
  readonly bytes: Buffer;
  readonly numberAt: number;
}

/** The seed's payload; only the number differs from event to event, so the length is always the same. */
export function bodyTemplate(campaignId: number, leads: LeadOrder = 'rising'): BodyTemplate {
  const mixed = leads === 'mixed' ? `${'0'.repeat(MIX_DIGITS)}.` : '';
  const text = JSON.stringify({
    event_type: 'REPLIED',
    campaign_id: campaignId,
    lead_email: `${mixed}${MARK}${'0'.repeat(DIGITS)}@example.com`,
    lead_first_name: 'John',
    lead_last_name: 'Doe',
    email_account: 'sender@yourdomain.com',
    subject: 'Re: Quick question',
    message: 'Thanks for reaching out. Could you send me the prices for a team of twenty?',
    timestamp: '2025-11-26T10:30:00Z',
    category_id: 5,
  });
  return { bytes: Buffer.from(text), numberAt: text.indexOf(MARK) + MARK.length };
}

/** @param at where the number lies in a body that was made with the same `leads` */
export function writeNumber(bytes: Buffer, at: number, number: number, leads: LeadOrder): void {
  writeDigits(bytes, at, DIGITS, number);
  if (leads === 'rising') return;
  const mixedAt = at - MARK.length - 1 - MIX_DIGITS;
  writeDigits(bytes, mixedAt, MIX_DIGITS, (number * MIXES_BY) % 10 ** MIX_DIGITS);
}

function writeDigits(bytes: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let digit = at + digits - 1; digit >= at; digit -= 1) {
    bytes[digit] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

/** The event's number; -1 where the body has none. */
export function readNumber(bytes: Buffer, bodyStart: number): number {
  const mark = bytes.indexOf(MARK, bodyStart, 'latin1');
  if (mark === -1) return -1;
  let number = 0;
  const start = mark + MARK.length;
  for (let at = start; at < start + DIGITS; at += 1) number = number * 10 + (bytes[at] ?? 0) - 0x30;
  return number;
}
