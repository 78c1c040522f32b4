import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiServer, OTHER_KEY, type Json } from './api-server.ts';

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
  const webhook = {
    webhook_url: 'https://example.com/',
    association_type: 3,
    email_campaign_id: 9,
  };
  await server.call('POST', '/webhook/create', webhook);
});
after(() => server[Symbol.asyncDispose]());

const event = { event_type: 'SENT', campaign_id: 9, lead_email: 'a@b.example' };
const ndjson = { 'content-type': 'application/x-ndjson' };

function times(count: number, item: Json): Json[] {
  return Array.from({ length: count }, () => item);
}

describe('one event', () => {
  it('is accepted with its id and the number of its deliveries', async () => {
    const { status, json } = await server.call('POST', '/events', { ...event, event_id: 'one' });
    assert.equal(status, 202);
    const [accepted] = json['events'] as Json[];
    assert.match(String(accepted?.['id']), /^evt_[0-9a-f]{32}$/);
    assert.deepEqual(json, {
      ok: true,
      accepted: 1,
      duplicates: 0,
      rejected: [],
      events: [
        { index: 0, id: accepted?.['id'], event_id: 'one', deliveries: 1, duplicate: false },
      ],
    });
    const again = await server.call('POST', '/events', {
      ...event,
      event_id: 'one',
      campaign_id: 8,
    });
    assert.equal(again.status, 202);
    assert.deepEqual(
      [again.json['accepted'], again.json['duplicates'], again.json['events']],
      [0, 1, [{ ...accepted, duplicate: true }]],
    );
  });

  it('is refused with its faults by field', async () => {
    const { status, json } = await server.call('POST', '/events', { event_type: 'SENT' });
    assert.equal(status, 422);
    assert.equal(json['error'], 'campaign_id is required; lead_email is required for SENT');
    assert.deepEqual(json['details'], [
      { field: 'campaign_id', issue: 'is required' },
      { field: 'lead_email', issue: 'is required for SENT' },
    ]);
    assert.equal('rejected' in json, false);
  });

  it('over 256 KiB is a 413, up to it is taken', async () => {
    const room = 256 * 1024 - 300;
    const fits = await server.call('POST', '/events', { ...event, message: 'x'.repeat(room) });
    assert.equal(fits.status, 202);
    const over = await server.call('POST', '/events', { ...event, message: 'x'.repeat(262_144) });
    assert.equal(over.status, 413);
    assert.equal(over.json['code'], 'payload_too_large');
  });

  it('is shown with the payload that webhooks get', async () => {
    const raw =
      '{"event_type":"REPLIED","campaign_id":9,"lead_email":"A@b.example","event_id":"shown",' +
      '"client_id":4,"timestamp":"2025-11-26","__proto__":{"x":1},"7":[null]}';
    const { json } = await server.call('POST', '/events', undefined, { raw });
    const [{ id }] = json['events'] as [{ id: string }];
    const { text } = await server.call('GET', `/events/${id}`);
    const { accepted_at: _, payload, ...data } = (JSON.parse(text) as { data: Json }).data;
    assert.deepEqual(data, {
      id,
      event_id: 'shown',
      event_type: 'REPLIED',
      campaign_id: 9,
      client_id: 4,
      lead_email: 'A@b.example',
      category_id: null,
    });
    const delivered = JSON.parse(
      '{"event_type":"REPLIED","campaign_id":9,"lead_email":"A@b.example","lead_first_name":null,' +
        '"lead_last_name":null,"email_account":null,"subject":null,"message":null,' +
        '"timestamp":"2025-11-26","category_id":null,"__proto__":{"x":1},"7":[null]}',
    ) as Json;
    assert.deepEqual(payload, delivered);
    assert.ok(Object.hasOwn(payload ?? {}, '__proto__'));
    assert.equal(
      (await server.call('GET', `/events/${id}`, undefined, { key: OTHER_KEY })).status,
      404,
    );
  });
});

describe('many events', () => {
  it('are accepted though others among them are rejected', async () => {
    const { status, json } = await server.call('POST', '/events', [
      { ...event, event_id: 'twice' },
      { ...event, campaign_id: '9' },
      { ...event, event_id: 'twice', subject: 'another' },
      'nonsense',
      { ...event, campaign_id: 10 },
      { ...event, message: 'x'.repeat(262_144) },
    ]);
    assert.equal(status, 202);
    assert.deepEqual([json['accepted'], json['duplicates']], [2, 1]);
    assert.deepEqual(json['rejected'], [
      { index: 1, error: 'campaign_id must be a positive integer, not text' },
      { index: 3, error: 'body must be a JSON object, not text' },
      { index: 5, error: 'An event may have at most 256 KiB as JSON' },
    ]);
    const events = json['events'] as Json[];
    assert.deepEqual(
      events.map(({ index, deliveries, duplicate }) => [index, deliveries, duplicate]),
      [
        [0, 1, false],
        [2, 1, true],
        [4, 0, false],
      ],
    );
    assert.equal(events[0]?.['id'], events[1]?.['id']);
  });

  it('are refused where none is good', async () => {
    const { status, json } = await server.call('POST', '/events', [
      { ...event, campaign_id: 0 },
      5,
    ]);
    assert.equal(status, 422);
    assert.equal(json['code'], 'validation_error');
    assert.deepEqual(
      (json['rejected'] as Json[]).map(({ index }) => index),
      [0, 1],
    );
    assert.deepEqual(
      (json['details'] as Json[]).map(({ field }) => field),
      ['0.campaign_id', '1.body'],
    );
  });

  it('are at least one', async () => {
    for (const [raw, headers] of [
      ['[]', {}],
      ['', {}],
      ['', ndjson],
      [' \n\r\n\t\n', ndjson],
    ] as const) {
      const { status, json } = await server.call('POST', '/events', undefined, { raw, headers });
      assert.equal(status, 422, JSON.stringify(raw));
      assert.equal(json['code'], 'validation_error');
    }
    assert.equal((await server.call('POST', '/events')).status, 422);
  });

  it('are at most 1,000, as a list and as lines', async () => {
    const line = `${JSON.stringify({ ...event, campaign_id: 11 })}\n`;
    const thousand = await server.call(
      'POST',
      '/events',
      times(1_000, { ...event, campaign_id: 11 }),
    );
    assert.equal(thousand.status, 202);
    assert.equal(thousand.json['accepted'], 1_000);
    const lines = { raw: line.repeat(1_000), headers: ndjson };
    assert.equal((await server.call('POST', '/events', undefined, lines)).status, 202);
    const more = await server.call('POST', '/events', times(1_001, event));
    assert.equal(more.status, 413);
    const moreLines = { raw: line.repeat(1_001), headers: ndjson };
    assert.equal((await server.call('POST', '/events', undefined, moreLines)).status, 413);
  });

  it('as lines: a line that is no JSON rejects that line', async () => {
    const good = JSON.stringify(event);
    const raw = Buffer.concat([
      Buffer.from(`${good}\r\n\n{"event_type":\n${good.replace('SENT', 'S\\u0000')}\n[${good}]\n`),
      Buffer.from([0x22, 0xff, 0x22, 0x0a]),
      Buffer.from(`${'['.repeat(100)}${']'.repeat(100)}\n{"a":1e999}\n${good}`),
    ]);
    const { status, json } = await server.call('POST', '/events', undefined, {
      raw,
      headers: ndjson,
    });
    assert.equal(status, 202);
    assert.deepEqual(
      (json['events'] as Json[]).map(({ index }) => index),
      [0, 7],
    );
    assert.deepEqual(json['rejected'], [
      { index: 1, error: 'The line is not valid JSON' },
      { index: 2, error: 'The line has a NUL character in text' },
      { index: 3, error: 'body must be a JSON object, not a list' },
      { index: 4, error: 'The line is not valid UTF-8' },
      { index: 5, error: 'The line is nested more than 64 levels deep' },
      { index: 6, error: 'The line has a number that is too large to be kept' },
    ]);
  });

  it('may come in 8 MiB, not in more', async () => {
    const message = 'x'.repeat(200_000);
    const forty = JSON.stringify(times(40, { ...event, campaign_id: 12, message }));
    const padded = forty.padEnd(8 * 1024 * 1024, ' ');
    assert.equal((await server.call('POST', '/events', undefined, { raw: padded })).status, 202);
    const over = await server.call('POST', '/events', undefined, { raw: `${padded} ` });
    assert.equal(over.status, 413);
  });
});
