import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiServer, OTHER_KEY, type Json } from './api-server.ts';
import { deliveryOf } from '../contract/examples.ts';

let server: ApiServer;
let webhookId: number;
let events: { id: string; event_id: string }[];

before(async () => {
  server = await ApiServer.start();
  const webhook = { webhook_url: 'https://example.com/', association_type: 1 };
  webhookId = Number((await server.call('POST', '/webhook/create', webhook)).json['id']);
  const { json } = await server.call('POST', '/events', [
    { event_type: 'SENT', campaign_id: 1, lead_email: 'ann@a.example', event_id: 'a' },
    {
      event_type: 'SENT',
      campaign_id: 2,
      lead_email: 'Ann@A.example',
      event_id: 'b',
      client_id: 5,
    },
    {
      event_type: 'REPLIED',
      campaign_id: 1,
      lead_email: 'bob@a.example',
      event_id: 'c',
      category_id: 3,
    },
  ]);
  events = json['events'] as typeof events;
});
after(() => server[Symbol.asyncDispose]());

async function list(path: string): Promise<Json[]> {
  const { status, json, text } = await server.call('GET', path);
  assert.equal(status, 200, text);
  return json['data'] as Json[];
}

async function found(query: string): Promise<string> {
  return (await list(`/events?${query}`)).map((event) => event['event_id']).join('');
}

describe('GET /events', () => {
  it('filters, newest first', async () => {
    assert.equal(await found(''), 'cba');
    assert.equal(await found('event_type=SENT'), 'ba');
    assert.equal(await found('campaign_id=1'), 'ca');
    assert.equal(await found('client_id=5'), 'b');
    assert.equal(await found('lead_email=ANN%40a.example'), 'ba');
    assert.equal(await found('event_type=SENT&campaign_id=1'), 'a');
    assert.equal(await found('from=2020-01-01T00:00:00Z&to=2999-01-01'), 'cba');
    assert.equal(await found('to=2020-01-01'), '');
    assert.equal(await found('from=2999-01-01T00:00:00%2B02:00'), '');
    assert.equal(await found('limit=1'), 'c');
  });

  it('is from inclusive, to exclusive', async () => {
    const [newest] = await list('/events?limit=1');
    const time = String(newest?.['accepted_at']);
    assert.equal((await list(`/events?from=${time}&to=${time}`)).length, 0);
    assert.ok((await list(`/events?from=${time}`)).length > 0);
  });

  it("shows nothing of another account's", async () => {
    const { json } = await server.call('GET', '/events', undefined, { key: OTHER_KEY });
    assert.deepEqual([json['data'], json['next_cursor']], [[], null]);
  });

  for (const [query, field] of [
    ['event_type=EMAIL_SENT', 'event_type'],
    ['campaign_id=one', 'campaign_id'],
    ['from=2025-02-30', 'from'],
    ['to=now', 'to'],
    ['from=2025-01-02&to=2025-01-01', 'from'],
    ['lead_email=a&lead_email=b', 'lead_email'],
    ['cursor=%00', 'cursor'],
  ]) {
    it(`refuses ?${query}`, async () => {
      const { status, json } = await server.call('GET', `/events?${query}`);
      assert.equal(status, 422);
      assert.equal((json['details'] as Json[])[0]?.['field'], field);
    });
  }

  it('answers 404 for an id that is none', async () => {
    for (const id of [
      'nonsense',
      `evt_${'0'.repeat(32)}`,
      `evt_${'f'.repeat(31)}`,
      '1',
      'x'.repeat(300),
    ]) {
      assert.equal((await server.call('GET', `/events/${id}`)).status, 404, id);
    }
  });
});

describe('GET /deliveries', () => {
  it('filters by event, webhook and status', async () => {
    assert.equal((await list('/deliveries')).length, 3);
    assert.equal((await list(`/deliveries?webhook_id=${webhookId}`)).length, 3);
    assert.equal((await list(`/deliveries?webhook_id=${webhookId + 1}`)).length, 0);
    assert.equal((await list('/deliveries?status=pending')).length, 3);
    assert.equal((await list('/deliveries?status=succeeded')).length, 0);
    const [delivery, ...others] = await list(`/deliveries?event_id=${events[1]?.id}`);
    assert.deepEqual(others, []);
    const { created_at, next_attempt_at, ...rest } = delivery as Json;
    assert.equal(created_at, next_attempt_at);
    assert.deepEqual(rest, {
      id: `dlv_${events[1]?.id.slice(4)}_${webhookId}`,
      event_id: events[1]?.id,
      webhook_id: webhookId,
      status: 'pending',
      attempt_count: 0,
      ended_at: null,
    });
  });

  it('shows one with its body and its attempts', async () => {
    const id = `dlv_${events[2]?.id.slice(4)}_${webhookId}`;
    const { json } = await server.call('GET', `/deliveries/${id}`);
    const data = json['data'] as Json;
    assert.match(String(data['body']), /^\{"event_type":"REPLIED","campaign_id":1,/);
    assert.deepEqual(data['attempts'], []);
    const other = await server.call('GET', `/deliveries/${id}`, undefined, { key: OTHER_KEY });
    assert.equal(other.status, 404);
  });

  it('shows an attempt as it was made', async () => {
    const eventId = events[0]?.id as `evt_${string}`;
    const [lease] = await server.store.claimShards([webhookId % 64]);
    assert.ok(lease);
    const { webhook } = (await server.store.webhook(1, webhookId)) ?? {};
    assert.ok(webhook);
    const attempt = {
      number: 1,
      startedAt: Date.parse('2026-01-02T03:04:05.999Z'),
      durationMs: 12,
      outcome: 'rejected' as const,
      url: 'https://example.com/',
      signature: 'v1,abc',
      userAgent: 'Posthorn/1.2.3',
      response: { status: 500, headers: { 'set-cookie': ['a', 'b'], server: 's' }, body: 'sorry' },
      error: null,
    };
    const next = { status: 'exhausted' as const };
    const record = { ...deliveryOf({ id: eventId, accountId: 1 }, webhook), lease, attempt, next };
    await server.store.commit({ records: [record], accepts: [] });
    const id = `dlv_${eventId.slice(4)}_${webhookId}`;
    const data = (await server.call('GET', `/deliveries/${id}`)).json['data'] as Json;
    assert.deepEqual(
      [data['status'], data['attempt_count'], data['next_attempt_at']],
      ['exhausted', 1, null],
    );
    assert.deepEqual(data['attempts'], [
      {
        number: 1,
        started_at: '2026-01-02T03:04:05.999Z',
        duration_ms: 12,
        outcome: 'rejected',
        request: {
          url: 'https://example.com/',
          headers: {
            'content-type': 'application/json',
            'user-agent': 'Posthorn/1.2.3',
            'webhook-id': eventId,
            'webhook-timestamp': '1767323045',
            'webhook-signature': 'v1,abc',
            'x-posthorn-event-type': 'SENT',
            'x-posthorn-delivery-id': id,
            'x-posthorn-attempt': '1',
          },
        },
        response_status: 500,
        response_headers: { 'set-cookie': ['a', 'b'], server: 's' },
        response_body: 'sorry',
        error: null,
      },
    ]);
  });

  for (const [query, field] of [
    ['event_id=nonsense', 'event_id'],
    ['webhook_id=0', 'webhook_id'],
    ['status=in_flight', 'status'],
    ['limit=1000', 'limit'],
  ]) {
    it(`refuses ?${query}`, async () => {
      const { status, json } = await server.call('GET', `/deliveries?${query}`);
      assert.equal(status, 422);
      assert.equal((json['details'] as Json[])[0]?.['field'], field);
    });
  }

  it('answers 404 for an id that is none', async () => {
    for (const id of [
      'nonsense',
      `dlv_${'0'.repeat(32)}_1`,
      `dlv_${'0'.repeat(32)}_9999999999999999`,
    ]) {
      assert.equal((await server.call('GET', `/deliveries/${id}`)).status, 404, id);
    }
  });
});
