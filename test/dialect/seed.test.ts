import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { MAX_EVENT_BYTES, parseEvent, seedEvent } from '../../src/dialect/seed.ts';
import type { FieldIssue } from '../../src/domain/errors.ts';
import type { NewEvent } from '../../src/domain/event.ts';

const ACCOUNT = 7;
const NOW = Date.parse('2026-01-02T03:04:05.678Z');

const SEED_PAYLOAD = {
  event_type: 'REPLIED',
  campaign_id: 123,
  lead_email: 'john@example.com',
  lead_first_name: 'John',
  lead_last_name: 'Doe',
  email_account: 'sender@yourdomain.com',
  subject: 'Re: Quick question',
  message: 'Thanks for reaching out...',
  timestamp: '2025-11-26T10:30:00Z',
  category_id: 5,
};

function good(raw: unknown): NewEvent {
  const parsed = parseEvent(raw, ACCOUNT, NOW);
  assert.ok('event' in parsed, 'refusal' in parsed ? parsed.refusal.message : '');
  return parsed.event;
}

function faults(raw: unknown): readonly FieldIssue[] {
  const parsed = parseEvent(raw, ACCOUNT, NOW);
  assert.ok('refusal' in parsed, 'was taken for a good event');
  assert.equal(parsed.refusal.code, 'validation_error');
  return parsed.refusal.details;
}

describe("the seed's event", () => {
  it('is taken apart', () => {
    const { body, ...event } = good({ ...SEED_PAYLOAD, event_id: 'mine-1', client_id: 9 });
    assert.deepEqual(event, {
      accountId: ACCOUNT,
      callerEventId: 'mine-1',
      type: 'REPLIED',
      campaignId: 123,
      clientId: 9,
      leadEmail: 'john@example.com',
      categoryId: 5,
    });
    assert.equal(body, JSON.stringify(SEED_PAYLOAD));
  });

  it("is rendered in the seed's order, with null where there is no value", () => {
    const { body } = good({
      lead_email: 'a@b',
      campaign_id: 1,
      event_type: 'SENT',
      subject: null,
      event_id: null,
    });
    assert.equal(
      body,
      '{"event_type":"SENT","campaign_id":1,"lead_email":"a@b","lead_first_name":null,' +
        '"lead_last_name":null,"email_account":null,"subject":null,"message":null,' +
        '"timestamp":"2026-01-02T03:04:05.678Z","category_id":null}',
    );
  });

  it('keeps further fields behind its own, whatever their names', () => {
    const raw: unknown = JSON.parse(
      '{"10":"ten","__proto__":{"polluted":true},"constructor":1,"toString":null,"hasOwnProperty":2,' +
        '"event_type":"SENT","campaign_id":1,"lead_email":"a@b","timestamp":"2025-01-01",' +
        '"ümlaut \\u2028 \\"quoted\\"":[1.5,{"deep":[]}],"toJSON":{"a":1}}',
    );
    assert.equal(
      good(raw).body,
      '{"event_type":"SENT","campaign_id":1,"lead_email":"a@b","lead_first_name":null,' +
        '"lead_last_name":null,"email_account":null,"subject":null,"message":null,' +
        '"timestamp":"2025-01-01","category_id":null,"10":"ten","__proto__":{"polluted":true},' +
        '"constructor":1,"toString":null,"hasOwnProperty":2,' +
        '"ümlaut \u2028 \\"quoted\\"":[1.5,{"deep":[]}],"toJSON":{"a":1}}',
    );
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });

  it('delivers timestamps as they were given', () => {
    for (const timestamp of [
      '2025-11-26',
      '2025-11-26T10:30:00.123456+02:00',
      '2024-02-29T23:59Z',
    ]) {
      const delivered = JSON.parse(good({ ...SEED_PAYLOAD, timestamp }).body) as {
        timestamp: string;
      };
      assert.equal(delivered.timestamp, timestamp);
    }
  });

  it('needs no lead where it is about the campaign alone', () => {
    assert.equal(good({ event_type: 'CAMPAIGN_STATUS_CHANGED', campaign_id: 1 }).leadEmail, null);
    assert.deepEqual(faults({ event_type: 'SENT', campaign_id: 1 }), [
      { field: 'lead_email', issue: 'is required for SENT' },
    ]);
  });

  it('may have 256 KiB as it is delivered, and no byte more', () => {
    const spare = MAX_EVENT_BYTES - Buffer.byteLength(good({ ...SEED_PAYLOAD, x: '' }).body);
    const fits = good({ ...SEED_PAYLOAD, x: 'é'.repeat(spare / 2) + 'e'.repeat(spare % 2) });
    assert.equal(Buffer.byteLength(fits.body), MAX_EVENT_BYTES);
    const over = parseEvent({ ...SEED_PAYLOAD, x: 'e'.repeat(spare + 1) }, ACCOUNT, NOW);
    assert.equal('refusal' in over && over.refusal.code, 'payload_too_large');
  });
});

describe('a wrong event', () => {
  const positive = 'must be a positive integer up to 9007199254740991';
  const email = 'must be an email address of at most 320 characters';
  const time = 'must be an ISO 8601 time that exists, such as 2025-11-26T10:30:00Z';
  const cases: readonly [field: string, value: unknown, issue: string | RegExp][] = [
    ['event_type', undefined, 'is required'],
    ['event_type', 'EMAIL_SENT', /^must be one of SENT, OPENED, .*MANUAL_STEP_REACHED$/],
    ['event_type', 'WEBHOOK_FAILING', 'is made by Posthorn itself and cannot be put in'],
    ['event_type', 5, /^must be one of/],
    ['campaign_id', undefined, 'is required'],
    ['campaign_id', null, 'is required'],
    ['campaign_id', '123', 'must be a positive integer, not text'],
    ['campaign_id', 0, positive],
    ['campaign_id', -1, positive],
    ['campaign_id', 1.5, positive],
    ['campaign_id', 2 ** 53, positive],
    ['campaign_id', 1e308, positive],
    ['campaign_id', true, 'must be a positive integer, not true'],
    ['campaign_id', [1], 'must be a positive integer, not a list'],
    ['client_id', '9', 'must be a positive integer, not text'],
    ['category_id', '5', 'must be a positive integer, not text'],
    ['category_id', 0, positive],
    ['lead_email', null, 'is required for REPLIED'],
    ['lead_email', '', email],
    ['lead_email', 'john', email],
    ['lead_email', `${'j'.repeat(320)}@x`, email],
    ['lead_email', 5, 'must be text, not a number'],
    ['lead_first_name', 5, 'must be text, not a number'],
    ['lead_last_name', {}, 'must be text, not an object'],
    ['email_account', [], 'must be text, not a list'],
    ['subject', true, 'must be text, not true'],
    ['message', 1, 'must be text, not a number'],
    ['timestamp', '2025-02-30', time],
    ['timestamp', 'yesterday', time],
    ['timestamp', 1764153000, 'must be text, not a number'],
    ['event_id', '', 'must not be empty'],
    ['event_id', 'x'.repeat(256), 'must have at most 255 characters'],
    ['event_id', 5, 'must be text, not a number'],
  ];
  for (const [field, value, issue] of cases) {
    it(`${field}: ${JSON.stringify(value)?.slice(0, 40)}`, () => {
      const [fault, ...others] = faults({ ...SEED_PAYLOAD, [field]: value });
      assert.equal(fault?.field, field);
      if (typeof issue === 'string') assert.equal(fault.issue, issue);
      else assert.match(fault.issue, issue);
      assert.deepEqual(others, []);
    });
  }

  it('is told every fault at once', () => {
    const raw = { event_type: 'SENT', campaign_id: '1', timestamp: 'x', category_id: -1 };
    assert.deepEqual(
      faults(raw).map(({ field }) => field),
      ['campaign_id', 'timestamp', 'category_id', 'lead_email'],
    );
  });

  it('is not even an object', () => {
    for (const raw of [5, 'x', true, [], [SEED_PAYLOAD]]) {
      assert.match(faults(raw)[0]?.issue ?? '', /^must be a JSON object, not /);
    }
    for (const raw of [null, undefined]) {
      assert.deepEqual(faults(raw), [{ field: 'body', issue: 'is required' }]);
    }
  });
});

describe('any JSON', () => {
  const json = fc
    .jsonValue({ maxDepth: 5 })
    .map((value): unknown => JSON.parse(JSON.stringify(value)));

  it('never makes the parser throw', () => {
    const almost = fc.record(
      Object.fromEntries(Object.keys(seedEvent.shape).map((name) => [name, json])),
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(json, almost), (raw) => {
        const parsed = parseEvent(raw, ACCOUNT, NOW);
        assert.ok('event' in parsed || parsed.refusal.message.length > 0);
      }),
    );
  });

  it('comes back as the value it was in the further fields of a good event', () => {
    const further = fc.dictionary(
      fc.string().filter((name) => !Object.hasOwn(seedEvent.shape, name)),
      json,
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(further, (fields) => {
        const { body } = good({ ...fields, ...SEED_PAYLOAD });
        const delivered = JSON.parse(body) as Record<string, unknown>;
        assert.deepEqual(delivered, { ...SEED_PAYLOAD, ...fields });
        assert.ok(body.startsWith(JSON.stringify(SEED_PAYLOAD).slice(0, -1)));
      }),
    );
  });
});
