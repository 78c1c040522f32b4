import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isIsoTime, parseIsoTime } from '../../src/dialect/iso-time.ts';

describe('ISO times', () => {
  const times: readonly [text: string, utc: string][] = [
    ['2025-11-26T10:30:00Z', '2025-11-26T10:30:00.000Z'],
    ['2025-11-26T10:30:00.123456789Z', '2025-11-26T10:30:00.123Z'],
    ['2025-11-26T10:30:00,5z', '2025-11-26T10:30:00.500Z'],
    ['2025-11-26t10:30Z', '2025-11-26T10:30:00.000Z'],
    ['2025-11-26 10:30:00+02:00', '2025-11-26T08:30:00.000Z'],
    ['2025-11-26T10:30:00-0530', '2025-11-26T16:00:00.000Z'],
    ['2025-11-26T10:30:00+02', '2025-11-26T08:30:00.000Z'],
    ['2025-11-26T10:30:00', '2025-11-26T10:30:00.000Z'],
    ['2025-11-26', '2025-11-26T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['2000-02-29', '2000-02-29T00:00:00.000Z'],
    ['0001-01-01', '0001-01-01T00:00:00.000Z'],
  ];
  for (const [text, utc] of times) {
    it(`reads ${text}`, () => {
      const time = parseIsoTime(text);
      assert.notEqual(time, undefined);
      assert.equal(new Date(time ?? 0).toISOString(), utc);
    });
  }

  const none = [
    '2025-02-30',
    '2025-02-29T00:00:00Z',
    '1900-02-29',
    '2025-04-31',
    '2025-13-01',
    '2025-00-10',
    '2025-01-00',
    '2025-01-32',
    '2025-01-01T24:00:00Z',
    '2025-01-01T10:60:00Z',
    '2025-01-01T10:00:61Z',
    '2025-01-01T10:00:00+24:00',
    '2025-01-01T10:00:00+02:60',
    '2025-01-01T',
    '2025-01-01T10',
    '2025-1-1',
    '20250101T100000Z',
    ' 2025-01-01',
    '2025-01-01\n',
    'Wed, 26 Nov 2025 10:30:00 GMT',
    '1764153000',
    'now',
    '',
  ];
  for (const text of none) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(isIsoTime(text), false);
      assert.equal(parseIsoTime(text), undefined);
    });
  }
});
