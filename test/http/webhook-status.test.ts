import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { EventId } from '../../src/domain/ids.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { answered410, deliveryOf } from '../contract/examples.ts';
import { ApiServer, OTHER_KEY, type Answer, type Json } from './api-server.ts';

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
});
after(() => server[Symbol.asyncDispose]());

let made = 0;
async function create(): Promise<{ id: number; secret: string }> {
  made += 1;
  const body = { webhook_url: `https://example.com/${made}`, association_type: 1 };
  const { json } = await server.call('POST', '/webhook/create', body);
  return json as unknown as { id: number; secret: string };
}

function post(id: number, verb: string, body?: unknown): Promise<Answer> {
  return server.call('POST', `/webhook/${id}/${verb}`, body);
}

async function statusOf(id: number): Promise<unknown> {
  const { json } = await server.call('GET', `/webhook/${id}`);
  return (json['data'] as Json)['status'];
}

async function acceptOne(id: number): Promise<Json[]> {
  const event = { event_type: 'SENT', campaign_id: 1, lead_email: 'a@b' };
  const { json } = await server.call('POST', '/events', event);
  const [accepted] = json['events'] as [{ id: string }];
  const query = `event_id=${accepted.id}&webhook_id=${id}`;
  return (await server.call('GET', `/deliveries?${query}`)).json['data'] as Json[];
}

describe('POST /webhook/{id}/pause and /resume', () => {
  it('pause and resume; events go on matching meanwhile, and wait', async () => {
    const { id } = await create();
    for (let i = 0; i < 2; i += 1) {
      const { status, json } = await post(id, 'pause');
      assert.deepEqual([status, json], [200, { ok: true }]);
      assert.equal(await statusOf(id), 'paused');
    }
    assert.partialDeepStrictEqual(await acceptOne(id), [{ status: 'pending', attempt_count: 0 }]);
    for (let i = 0; i < 2; i += 1) {
      const { status, json } = await post(id, 'resume', {});
      assert.deepEqual([status, json], [200, { ok: true }]);
      assert.equal(await statusOf(id), 'active');
    }
    const lines = server.log.map((line) => JSON.parse(line) as Json);
    const told = lines.filter((line) => line['webhookId'] === id).map((line) => line['msg']);
    assert.deepEqual(
      told.filter((line) => line !== 'webhook.created'),
      ['webhook.paused', 'webhook.resumed'],
      'what changes nothing is not told',
    );
  });

  it('cancel what a disabled webhook has still pending before it is active again', async () => {
    const { id } = await create();
    const [first, second] = [await acceptOne(id), await acceptOne(id)].map(
      ([found]) => String(found?.['event_id']) as EventId,
    );
    assert.ok(first && second);
    const { webhook } = (await server.store.webhook(1, id)) ?? {};
    const [lease] = await server.store.claimShards([shardOf(id)]);
    assert.ok(webhook && lease);
    const { attempt, next } = answered410();
    const record = {
      ...deliveryOf({ id: first, accountId: 1 }, webhook),
      lease,
      attempt: { ...attempt, url: webhook.url },
      next,
    };
    // As a crash leaves it, right after the commit that disables.
    await server.store.commit({ records: [record], accepts: [] });
    assert.equal(await statusOf(id), 'disabled');
    const refused = await post(id, 'pause');
    assert.deepEqual([refused.status, refused.json['code']], [409, 'conflict']);
    assert.equal((await post(id, 'resume')).status, 200);
    assert.equal(await statusOf(id), 'active');
    const { json } = await server.call('GET', `/deliveries?event_id=${second}&webhook_id=${id}`);
    assert.partialDeepStrictEqual(json['data'], [{ status: 'canceled' }]);
  });

  it('are a 404 for a deleted webhook, another account’s, and none at all', async () => {
    const { id } = await create();
    await server.call('DELETE', `/webhook/delete/${id}`);
    const other = await create();
    for (const verb of ['pause', 'resume', 'test', 'secret/rotate']) {
      assert.equal((await post(id, verb)).status, 404, verb);
      assert.equal((await post(987_654_321, verb)).status, 404, verb);
      const path = `/webhook/${other.id}/${verb}`;
      const { status } = await server.call('POST', path, {}, { key: OTHER_KEY });
      assert.equal(status, 404, verb);
    }
    assert.equal(await statusOf(id), 'deleted');
    assert.equal(await statusOf(other.id), 'active');
    assert.equal((await server.call('GET', `/webhook/${id}/secret`)).status, 404);
  });
});

describe('POST /webhook/{id}/test', () => {
  it('refuses event types that there are not', async () => {
    const { id } = await create();
    const { status, json } = await post(id, 'test', { event_type: 'NONE' });
    assert.equal(status, 422);
    assert.equal((json['details'] as Json[])[0]?.['field'], 'event_type');
  });

  it('refuses fields that it does not know, and sends nothing', async () => {
    const { id } = await create();
    const { status, json } = await post(id, 'test', { event_tpye: 'REPLIED' });
    assert.equal(status, 422);
    assert.equal(json['error'], 'event_tpye is not a field known here');
  });
});

async function secretOf(id: number): Promise<Json> {
  return (await server.call('GET', `/webhook/${id}/secret`)).json['data'] as Json;
}

describe('GET /webhook/{id}/secret and POST /webhook/{id}/secret/rotate', () => {
  it('show the secret, and replace it, with 24 hours in which both sign', async () => {
    const { id, secret } = await create();
    assert.deepEqual(await secretOf(id), { secret, previous_valid_until: null });
    const from = Date.now();
    const { status, json } = await post(id, 'secret/rotate');
    assert.equal(status, 200);
    const data = json['data'] as { secret: string; previous_valid_until: string };
    assert.match(data.secret, /^whsec_/);
    assert.notEqual(data.secret, secret);
    const hours = (Date.parse(data.previous_valid_until) - from) / 3_600_000;
    assert.ok(hours >= 24 && hours < 24.1);
    assert.deepEqual(await secretOf(id), data);
    const { text } = await server.call('GET', `/webhook/${id}`);
    assert.doesNotMatch(text, /whsec_/);
    assert.doesNotMatch(server.log.join(''), /whsec_/);
  });

  it('are a 409 in the overlap, and nothing is changed', async () => {
    const { id } = await create();
    const first = await post(id, 'secret/rotate', { overlap_hours: 1 });
    const { status, json } = await post(id, 'secret/rotate', { overlap_hours: 0 });
    assert.deepEqual([status, json['code']], [409, 'conflict']);
    const until = (first.json['data'] as Json)['previous_valid_until'];
    assert.ok(String(json['error']).endsWith(`signs until ${String(until)}`));
    assert.deepEqual(await secretOf(id), first.json['data']);
  });

  it('refuse a misspelt overlap, which would be one of a day, and nothing is changed', async () => {
    const { id, secret } = await create();
    const { status, json } = await post(id, 'secret/rotate', { overlap_hour: 0 });
    assert.equal(status, 422);
    assert.deepEqual(json['details'], [
      { field: 'overlap_hour', issue: 'is not a field known here' },
    ]);
    assert.equal((await secretOf(id))['secret'], secret);
  });

  it('leave nothing of the old one with an overlap of 0', async () => {
    const { id } = await create();
    for (let i = 0; i < 2; i += 1) {
      const { json } = await post(id, 'secret/rotate', { overlap_hours: 0 });
      assert.equal((json['data'] as Json)['previous_valid_until'], null);
    }
  });

  for (const overlap_hours of [-1, 169, 1.5, '24', [], {}]) {
    it(`refuse an overlap of ${JSON.stringify(overlap_hours)}`, async () => {
      const { id, secret } = await create();
      const { status, json } = await post(id, 'secret/rotate', { overlap_hours });
      assert.equal(status, 422);
      assert.equal((json['details'] as Json[])[0]?.['field'], 'overlap_hours');
      assert.equal((await secretOf(id))['secret'], secret);
    });
  }
});
