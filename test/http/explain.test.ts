import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiServer, OTHER_KEY, type Json } from './api-server.ts';

const URL = 'https://example.com/';
const EVENT = { event_type: 'REPLIED', campaign_id: 9, lead_email: 'a@b.example', category_id: 1 };

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
});
after(() => server[Symbol.asyncDispose]());

async function webhook(fields: Json): Promise<number> {
  const body = { webhook_url: URL, association_type: 1, force_create: true, ...fields };
  const { status, json, text } = await server.call('POST', '/webhook/create', body);
  assert.equal(status, 200, text);
  return Number(json['id']);
}

async function event(fields: Json = {}): Promise<string> {
  const { json } = await server.call('POST', '/events', { ...EVENT, ...fields });
  return (json['events'] as [{ id: string }])[0].id;
}

async function explain(id: string, query = ''): Promise<Json[]> {
  const { status, json, text } = await server.call('GET', `/events/${id}/explain${query}`);
  assert.equal(status, 200, text);
  return json['data'] as Json[];
}

describe('GET /events/{id}/explain', () => {
  let id: string;
  let webhooks: Record<string, number>;
  before(async () => {
    webhooks = {
      deleted: await webhook({ name: 'deleted' }),
      matched: await webhook({ name: 'matched' }),
      other_client: await webhook({ association_type: 2, client_id: 7 }),
      other_campaign: await webhook({ association_type: 3, email_campaign_id: 7 }),
      event_type_not_subscribed: await webhook({ event_type_map: { SENT: true } }),
      category_filtered: await webhook({ category_id_map: { '5': true } }),
    };
    await server.call('DELETE', `/webhook/delete/${webhooks['deleted']}`);
    await server.call('PUT', '/campaigns/9', { client_id: 8 });
    id = await event();
    webhooks['created_later'] = await webhook({});
    await server.call('PUT', '/campaigns/9', { client_id: 7 });
    for (const each of Object.values(webhooks)) {
      const maps = { event_type_map: { OPENED: true }, category_id_map: { '1': true } };
      await server.call('PUT', `/webhook/update/${each}`, { ...maps, name: `now ${each}` });
    }
  });

  it('says of each webhook what was true then, the newest first', async () => {
    const found = await explain(id);
    assert.deepEqual(
      found.map((each) => [each['webhook_id'], each['reason'] ?? 'matched']),
      [
        [webhooks['created_later'], 'created_later'],
        [webhooks['category_filtered'], 'category_filtered'],
        [webhooks['event_type_not_subscribed'], 'event_type_not_subscribed'],
        [webhooks['other_campaign'], 'other_campaign'],
        [webhooks['other_client'], 'other_client'],
        [webhooks['matched'], 'matched'],
        [webhooks['deleted'], 'deleted'],
      ],
    );
    assert.deepEqual(
      found.map(({ matched }) => matched),
      found.map(({ reason }) => reason === null),
    );
    assert.deepEqual(
      found.map(({ explanation }) => explanation),
      [
        'The webhook was made after the event was accepted.',
        'The webhook takes events in category 5 only; the event is in category 1.',
        'The webhook takes SENT events only; the event is of type REPLIED.',
        'The webhook is for campaign 7; the event is of campaign 9.',
        'The webhook is for client 7; the event is of client 8.',
        'The webhook is for every campaign and takes REPLIED events.',
        'The webhook had been deleted before the event was accepted.',
      ],
    );
  });

  it('gives the delivery where there is one, and the names of today', async () => {
    const matched = webhooks['matched'];
    const delivery = `dlv_${id.slice(4)}_${matched}`;
    const found = await explain(id);
    assert.deepEqual(
      found.map((each) => [each['webhook_name'], each['delivery_id']]),
      found.map(({ webhook_id: webhookId }) => [
        webhookId === webhooks['deleted'] ? 'deleted' : `now ${String(webhookId)}`,
        webhookId === matched ? delivery : null,
      ]),
    );
    assert.equal((await server.call('GET', `/deliveries/${delivery}`)).status, 200);
    await server.call('DELETE', `/webhook/delete/${matched}`);
    assert.deepEqual((await explain(id))[5]?.['delivery_id'], delivery, 'also when it has ended');
  });

  it('comes in pages', async () => {
    const whole = await explain(id);
    const found: Json[] = [];
    let next = '';
    for (let pages = 0; pages < 4; pages += 1) {
      const { json } = await server.call('GET', `/events/${id}/explain?limit=2${next}`);
      found.push(...(json['data'] as Json[]));
      next = `&cursor=${String(json['next_cursor'])}`;
    }
    assert.equal(next, '&cursor=null');
    assert.deepEqual(found, whole);
  });

  it('has fifty on a page unless another number is asked for', async () => {
    for (let i = 0; i < 50; i += 1) await webhook({});
    assert.equal((await explain(id)).length, 50);
    assert.equal((await explain(id, '?limit=100')).length, 57);
  });

  for (const [query, field] of [
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['cursor=dzE', 'cursor'],
    ['cursor=%00', 'cursor'],
  ]) {
    it(`refuses ?${query}`, async () => {
      const { status, json } = await server.call('GET', `/events/${id}/explain?${query}`);
      assert.equal(status, 422);
      assert.equal((json['details'] as Json[])[0]?.['field'], field);
    });
  }

  it("answers 404 for an id that is none, and for another account's", async () => {
    for (const none of ['nonsense', `evt_${'0'.repeat(32)}`, '1']) {
      assert.equal((await server.call('GET', `/events/${none}/explain`)).status, 404, none);
    }
    const options = { key: OTHER_KEY };
    const path = `/events/${id}/explain`;
    assert.equal((await server.call('GET', path, undefined, options)).status, 404);
  });
});
