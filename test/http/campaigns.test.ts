import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiServer, OTHER_KEY, type Json } from './api-server.ts';

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
});
after(() => server[Symbol.asyncDispose]());

describe('a campaign', () => {
  it('is declared and keeps what a later declaration leaves out', async () => {
    const { status } = await server.call('PUT', '/campaigns/7', { name: 'Spring', client_id: 3 });
    assert.equal(status, 200);
    const { json } = await server.call('PUT', '/campaigns/7', {
      status: 'ACTIVE',
      name: null,
      x: 1,
    });
    assert.deepEqual(json['warnings'], ['"x" is not a field known here and was left aside']);
    const { created_at, updated_at, ...data } = json['data'] as Json;
    assert.ok(String(created_at) <= String(updated_at));
    assert.deepEqual(data, { id: 7, name: 'Spring', client_id: 3, status: 'ACTIVE' });
    const shown = await server.call('GET', '/campaigns/7');
    assert.deepEqual(shown.json['data'], json['data']);
  });

  it('gives its events its client', async () => {
    await server.call('PUT', '/campaigns/8', { client_id: 80 });
    const webhook = { webhook_url: 'https://c.example/', association_type: 2, client_id: 80 };
    await server.call('POST', '/webhook/create', webhook);
    const event = { event_type: 'SENT', campaign_id: 8, lead_email: 'a@b' };
    const { json } = await server.call('POST', '/events', event);
    const [{ id, deliveries }] = json['events'] as [{ id: string; deliveries: number }];
    assert.equal(deliveries, 1);
    const shown = (await server.call('GET', `/events/${id}`)).json['data'] as Json;
    assert.equal(shown['client_id'], 80);
  });

  it('is a 404 while it is not there, and stays one for another account', async () => {
    assert.equal((await server.call('GET', '/campaigns/4040')).status, 404);
    await server.call('PUT', '/campaigns/9', {});
    const other = await server.call('GET', '/campaigns/9', undefined, { key: OTHER_KEY });
    assert.equal(other.status, 404);
  });

  it('is refused with every fault', async () => {
    const wrong = { name: 5, client_id: '3', status: [] };
    const { status, json } = await server.call('PUT', '/campaigns/7', wrong);
    assert.equal(status, 422);
    assert.equal(
      json['error'],
      'name must be text, not a number; client_id must be a positive integer, not text; ' +
        'status must be text, not a list',
    );
    assert.equal((await server.call('PUT', '/campaigns/zero', {})).status, 422);
  });
});
