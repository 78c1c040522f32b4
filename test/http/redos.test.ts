import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { EventId } from '../../src/domain/ids.ts';
import { shardOf, type ShardLease } from '../../src/domain/shard.ts';
import { delivered, givenUp, type Ending, deliveryOf } from '../contract/examples.ts';
import { ApiServer, OTHER_KEY, type Answer, type Json } from './api-server.ts';

const EVENT = { event_type: 'REPLIED', campaign_id: 9, lead_email: 'a@b.example' };
const HOUR = 3_600_000;

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
});
after(() => server[Symbol.asyncDispose]());

let made = 0;
async function webhook(fields: Json = {}): Promise<number> {
  made += 1;
  const target = { association_type: 3, email_campaign_id: 9 };
  const body = { webhook_url: `https://example.com/${made}`, ...target, ...fields };
  const { status, json, text } = await server.call('POST', '/webhook/create', body);
  assert.equal(status, 200, text);
  return Number(json['id']);
}

async function event(fields: Json = {}): Promise<EventId> {
  const { json } = await server.call('POST', '/events', { ...EVENT, ...fields });
  return (json['events'] as [{ id: EventId }])[0].id;
}

async function record(eventId: EventId, webhookId: number, ending: Ending): Promise<void> {
  const [lease] = (await server.store.claimShards([shardOf(webhookId)])) as [ShardLease];
  const { webhook } = (await server.store.webhook(1, webhookId)) ?? {};
  assert.ok(webhook);
  const entry = { ...deliveryOf({ id: eventId, accountId: 1 }, webhook), lease, ...ending };
  const { records } = await server.store.commit({ records: [entry], accepts: [] });
  assert.deepEqual(records, ['recorded']);
}

const idOf = (eventId: string, webhookId: number): string => `dlv_${eventId.slice(4)}_${webhookId}`;

async function delivery(eventId: string, webhookId: number): Promise<Json> {
  const { status, json } = await server.call('GET', `/deliveries/${idOf(eventId, webhookId)}`);
  assert.equal(status, 200);
  return json['data'] as Json;
}

function post(path: string, body?: unknown): Promise<Answer> {
  return server.call('POST', path, body);
}

const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();

function told(message: string, key: string, value: unknown): Json[] {
  const lines = server.log.map((line) => JSON.parse(line) as Json);
  return lines.filter((line) => line['msg'] === message && line[key] === value);
}

function assertConflict({ status, json }: Answer, sentence: RegExp): void {
  assert.deepEqual([status, json['code']], [409, 'conflict']);
  assert.match(String(json['error']), sentence);
}

describe('POST /deliveries/{id}/retry', () => {
  it('makes an ended delivery pending again, and tells it', async () => {
    const id = await webhook();
    const eventId = await event();
    await record(eventId, id, givenUp());
    const path = `/deliveries/${idOf(eventId, id)}/retry`;
    const { status, json } = await post(path);
    assert.deepEqual([status, json], [200, { ok: true }]);
    const found = await delivery(eventId, id);
    assert.deepEqual([found['status'], found['attempt_count']], ['pending', 1]);
    assert.equal(told('delivery.retried', 'webhookId', id).length, 1);
    assertConflict(await post(path), /is pending or in flight/);
  });

  it('is a conflict for a webhook that is disabled or deleted, and says what to do', async () => {
    const id = await webhook();
    const eventId = await event();
    await record(eventId, id, delivered());
    await server.call('DELETE', `/webhook/delete/${id}`);
    const before = await delivery(eventId, id);
    assertConflict(await post(`/deliveries/${idOf(eventId, id)}/retry`), /is deleted/);
    assert.deepEqual(await delivery(eventId, id), before);
  });

  it('is a 404 for what there is not, whatever its id looks like', async () => {
    const id = await webhook();
    for (const wrong of ['x', 'dlv_', idOf(`evt_${'0'.repeat(32)}`, id)]) {
      assert.equal((await post(`/deliveries/${wrong}/retry`)).status, 404, wrong);
    }
  });
});

describe('POST /webhook/{id}/replay', () => {
  it('counts, puts back and shows how far it is', async () => {
    const id = await webhook();
    const events = [await event(), await event(), await event()];
    for (const [i, eventId] of events.entries()) {
      await record(eventId, id, i < 2 ? givenUp() : delivered());
    }
    const from = ago(HOUR);
    const dry = await post(`/webhook/${id}/replay`, { from, dry_run: true });
    assert.deepEqual([dry.status, dry.json], [200, { ok: true, data: { count: 2 } }]);
    assert.equal((await delivery(events[0] ?? '', id))['status'], 'exhausted');
    const { status, json } = await post(`/webhook/${id}/replay`, { from });
    assert.equal(status, 200);
    const data = json['data'] as Json;
    assert.partialDeepStrictEqual(data, {
      kind: 'replay',
      webhook_id: id,
      from,
      statuses: ['exhausted'],
      status: 'done',
      count: 2,
      done: 2,
    });
    assert.ok(Date.parse(String(data['to'])) <= Date.now(), 'until now');
    const statuses = await Promise.all(events.map((each) => delivery(each, id)));
    assert.deepEqual(
      statuses.map((each) => each['status']),
      ['pending', 'pending', 'succeeded'],
    );
    const shown = await server.call('GET', `/redos/${String(data['id'])}`);
    assert.deepEqual([shown.status, shown.json['data']], [200, data]);
    const all = { from, statuses: ['exhausted', 'succeeded'], dry_run: true };
    assert.equal(((await post(`/webhook/${id}/replay`, all)).json['data'] as Json)['count'], 1);
    for (const line of ['redo.started', 'redo.ended']) {
      assert.partialDeepStrictEqual(told(line, 'webhookId', id), [{ kind: 'replay', count: 2 }]);
    }
  });

  it('is stopped by a webhook that is deleted, dry or not', async () => {
    const id = await webhook();
    await server.call('DELETE', `/webhook/delete/${id}`);
    for (const verb of ['replay', 'backfill']) {
      for (const dry_run of [true, false]) {
        const body = { from: ago(HOUR), dry_run };
        assertConflict(await post(`/webhook/${id}/${verb}`, body), /is deleted/);
      }
      const none = await post(`/webhook/987654321/${verb}`, { from: ago(HOUR) });
      assert.equal(none.status, 404);
    }
  });

  const range = { from: ago(HOUR) };
  const faults: [string, unknown, string, RegExp][] = [
    ['no range', {}, 'from', /is required/],
    ['no body', undefined, 'from', /is required/],
    ['a null', { from: null }, 'from', /must|is required/],
    ['a time that is none', { from: 'yesterday' }, 'from', /ISO 8601/],
    ['a day that there is not', { from: '2026-02-30' }, 'from', /ISO 8601/],
    ['a number', { from: 1_700_000_000_000 }, 'from', /must be/],
    ['an end that is none', { ...range, to: 'now' }, 'to', /ISO 8601/],
    ['a reversed range', { from: ago(HOUR), to: ago(2 * HOUR) }, 'from', /before to/],
    ['an empty range', { from: '2025-01-01', to: '2025-01-01' }, 'from', /before to/],
    ['a range in the future', { from: ago(-HOUR), to: ago(-2 * HOUR) }, 'from', /the future/],
    ['an end in the future', { ...range, to: ago(-HOUR) }, 'to', /the future/],
    ['an unknown field', { ...range, dryrun: true }, 'dryrun', /not a field known/],
    ['a text for a boolean', { ...range, dry_run: 'true' }, 'dry_run', /true or false/],
  ];
  for (const [what, body, field, issue] of faults) {
    it(`refuses ${what}, naming the field, and so does a backfill`, async () => {
      const id = await webhook();
      for (const verb of ['replay', 'backfill']) {
        const { status, json, text } = await post(`/webhook/${id}/${verb}`, body);
        assert.deepEqual([status, json['code']], [422, 'validation_error'], text);
        const details = json['details'] as { field: string; issue: string }[];
        const fault = details.find((each) => each.field === field);
        assert.match(fault?.issue ?? '', issue, text);
      }
    });
  }

  it('refuses statuses that are none, listing those that there are', async () => {
    const id = await webhook();
    for (const statuses of [[], ['failed'], ['pending'], 'exhausted', ['exhausted', 1]]) {
      const { status, json } = await post(`/webhook/${id}/replay`, { ...range, statuses });
      assert.equal(status, 422);
      assert.match(String(json['error']), /succeeded, exhausted, canceled/);
    }
    const { json } = await post(`/webhook/${id}/backfill`, { ...range, statuses: ['exhausted'] });
    assert.match(String(json['error']), /statuses is not a field known here/);
  });
});

describe('POST /webhook/{id}/backfill', () => {
  it('makes the deliveries that were missed; explaining says so, and why it did not match', async () => {
    const eventId = await event({ campaign_id: 77 });
    const id = await webhook({ email_campaign_id: 77 });
    const body = { from: ago(HOUR) };
    const dry = await post(`/webhook/${id}/backfill`, { ...body, dry_run: true });
    assert.deepEqual(dry.json['data'], { count: 1 });
    const { status, json } = await post(`/webhook/${id}/backfill`, body);
    assert.equal(status, 200);
    assert.partialDeepStrictEqual(json['data'], {
      kind: 'backfill',
      statuses: [],
      status: 'done',
      count: 1,
      done: 1,
    });
    const found = await delivery(eventId, id);
    assert.deepEqual([found['status'], found['attempt_count']], ['pending', 0]);
    const explained = await server.call('GET', `/events/${eventId}/explain`);
    const why = (explained.json['data'] as Json[]).find((each) => each['webhook_id'] === id);
    assert.ok(why);
    assert.partialDeepStrictEqual(why, {
      matched: false,
      reason: 'created_later',
      delivery_id: idOf(eventId, id),
      explanation:
        'The webhook was made after the event was accepted. A backfill made a delivery later.',
    });
  });
});

describe('GET /redos/{id}', () => {
  it('is a 404 for another account, and for what there is not', async () => {
    const id = await webhook();
    const { json } = await post(`/webhook/${id}/replay`, { from: ago(HOUR) });
    const redo = String((json['data'] as Json)['id']);
    const options = { key: OTHER_KEY };
    assert.equal((await server.call('GET', `/redos/${redo}`)).status, 200);
    assert.equal((await server.call('GET', `/redos/${redo}`, undefined, options)).status, 404);
    assert.equal((await server.call('GET', '/redos/987654321')).status, 404);
    assert.equal((await server.call('GET', '/redos/x')).status, 422);
  });
});
