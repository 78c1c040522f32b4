import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiServer, OTHER_KEY, type Json } from './api-server.ts';

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
});
after(() => server[Symbol.asyncDispose]());

let made = 0;
async function create(changes: Json = {}): Promise<number> {
  made += 1;
  const body = { webhook_url: `https://example.com/${made}`, association_type: 1, ...changes };
  const { json, text } = await server.call('POST', '/webhook/create', body);
  assert.equal(json['ok'], true, text);
  return Number(json['id']);
}

async function show(id: number): Promise<Json> {
  return (await server.call('GET', `/webhook/${id}`)).json['data'] as Json;
}

describe('GET /webhook/{id}', () => {
  it('shows everything but the secret', async () => {
    const id = await create({ name: 'n', webhook_url: 'https://EXAMPLE.com/As?given=1' });
    const { text } = await server.call('GET', `/webhook/${id}`);
    assert.doesNotMatch(text, /whsec_|secret/);
    const { created_at, updated_at, event_type_map: _map, ...data } = await show(id);
    assert.equal(created_at, updated_at);
    assert.deepEqual(data, {
      id,
      name: 'n',
      webhook_url: 'https://EXAMPLE.com/As?given=1',
      association_type: 1,
      email_campaign_id: null,
      client_id: null,
      category_id_map: {},
      webhook_type: null,
      retry_schedule: null,
      timeout_seconds: null,
      concurrency: null,
      rate_limit: null,
      headers: [],
      ordering: 'none',
      status: 'active',
      disabled_reason: null,
      health: {
        last_success_at: null,
        last_failure_at: null,
        consecutive_failures: 0,
        breaker: 'closed',
        next_probe_at: null,
      },
    });
  });

  it('knows nothing of what is not there, or is of another account', async () => {
    const id = await create();
    for (const [path, options] of [
      ['/webhook/987654321', {}],
      [`/webhook/${id}`, { key: OTHER_KEY }],
    ] as const) {
      const { status, json } = await server.call('GET', path, undefined, options);
      assert.equal(status, 404);
      assert.equal(json['code'], 'not_found');
    }
  });

  for (const id of [
    'abc',
    '0',
    '-1',
    '1.5',
    '9007199254740992',
    '1e3',
    '%00',
    '99999999999999999999',
  ]) {
    it(`${id} is no id`, async () => {
      const { status, json } = await server.call('GET', `/webhook/${id}`);
      assert.equal(status, 422);
      assert.equal((json['details'] as Json[])[0]?.['field'], 'id');
    });
  }

  it('takes a trailing slash for the same path', async () => {
    const id = await create();
    assert.equal((await server.call('GET', `/webhook/${id}/`)).status, 200);
  });
});

describe('PUT /webhook/update/{id}', () => {
  it('changes what is given and leaves the rest', async () => {
    const id = await create({ name: 'before', webhook_type: 't', category_id_map: { 1: true } });
    const before = await show(id);
    const { status, json } = await server.call('PUT', `/webhook/update/${id}`, {
      name: 'after',
      webhook_url: 'https://elsewhere.example/',
      event_type_map: { BOUNCED: true },
      category_id_map: null,
      association_type: 2,
    });
    assert.equal(status, 200);
    assert.deepEqual(json['warnings'], [
      '"association_type" is not a field known here and was left aside',
    ]);
    const data = await show(id);
    assert.deepEqual(json['data'], data);
    const { updated_at: _, ...rest } = data;
    const { updated_at: __, ...expected } = {
      ...before,
      name: 'after',
      webhook_url: 'https://elsewhere.example/',
      event_type_map: { BOUNCED: true },
    } as Json;
    assert.deepEqual(rest, expected);
  });

  it('judges fields as create does', async () => {
    const id = await create();
    const { status, json } = await server.call('PUT', `/webhook/update/${id}`, {
      webhook_url: 'https://10.0.0.1/',
      event_type_map: { NONE: true },
      category_id_map: { x: true },
    });
    assert.equal(status, 422);
    assert.deepEqual(
      (json['details'] as Json[]).map((fault) => fault['field']),
      ['webhook_url', 'event_type_map', 'category_id_map.x'],
    );
  });

  it('is a 404 for what is not there', async () => {
    const id = await create();
    const other = await server.call('PUT', `/webhook/update/${id}`, {}, { key: OTHER_KEY });
    assert.equal(other.status, 404);
    assert.equal((await server.call('PUT', '/webhook/update/987654321', {})).status, 404);
  });
});

describe('DELETE /webhook/delete', () => {
  const event = { event_type: 'SENT', campaign_id: 1, lead_email: 'a@b' };

  it('cancels what is pending, keeps history, and is a 404 from then on', async () => {
    const id = await create();
    for (let i = 0; i < 3; i += 1) await server.call('POST', '/events', event);
    const pending = await server.call('GET', `/deliveries?webhook_id=${id}&status=pending`);
    assert.equal((pending.json['data'] as Json[]).length, 3);

    const other = await server.call('DELETE', `/webhook/delete/${id}`, undefined, {
      key: OTHER_KEY,
    });
    assert.equal(other.status, 404);
    const deleted = await server.call('DELETE', `/webhook/delete/${id}`);
    assert.deepEqual([deleted.status, deleted.json], [200, { ok: true }]);

    assert.equal((await show(id))['status'], 'deleted');
    const history = await server.call('GET', `/deliveries?webhook_id=${id}`);
    assert.deepEqual(
      (history.json['data'] as Json[]).map((delivery) => delivery['status']),
      ['canceled', 'canceled', 'canceled'],
    );
    const next = await server.call('POST', '/events', event);
    const [accepted] = next.json['events'] as [{ id: string }];
    const matched = await server.call(
      'GET',
      `/deliveries?event_id=${accepted.id}&webhook_id=${id}`,
    );
    assert.deepEqual(matched.json['data'], []);
    assert.equal((await server.call('DELETE', `/webhook/delete/${id}`)).status, 404);
    assert.equal((await server.call('PUT', `/webhook/update/${id}`, {})).status, 404);
    const line = server.log.find((logged) => logged.includes('webhook.deleted'));
    assert.equal((JSON.parse(line ?? '{}') as Json)['canceled'], 3);
  });

  it('takes the id in the body too', async () => {
    const id = await create();
    assert.equal((await server.call('DELETE', '/webhook/delete', { id })).status, 200);
    assert.equal((await show(id))['status'], 'deleted');
    const { status, json } = await server.call('DELETE', '/webhook/delete', { id: String(id) });
    assert.equal(status, 422);
    assert.equal(json['error'], 'id must be a positive integer, not text');
  });

  it('with a JSON content type and no body is what it would be without', async () => {
    const id = await create();
    const options = { headers: { 'content-type': 'application/json' } };
    const byPath = await server.call('DELETE', `/webhook/delete/${id}`, undefined, options);
    assert.equal(byPath.status, 200);
    const { status, json } = await server.call('DELETE', '/webhook/delete', undefined, options);
    assert.equal(status, 422);
    assert.equal(json['error'], 'id is required');
  });
});

describe('GET /webhook', () => {
  it('lists by association, target and status, newest first, in pages', async () => {
    const { status } = await server.call('PUT', '/campaigns/501', { name: 'c' });
    assert.equal(status, 200);
    const campaign = await create({ association_type: 3, email_campaign_id: 501 });
    const client = await create({ association_type: 2, client_id: 502 });
    const another = await create({ association_type: 3, email_campaign_id: 501 });
    const ids = async (query: string): Promise<unknown[]> => {
      const { json } = await server.call('GET', `/webhook?${query}`);
      return (json['data'] as Json[]).map((webhook) => webhook['id']);
    };
    assert.deepEqual(await ids('email_campaign_id=501'), [another, campaign]);
    assert.deepEqual(await ids('email_campaign_id=501&association_type=3'), [another, campaign]);
    assert.deepEqual(await ids('email_campaign_id=501&association_type=2'), []);
    assert.deepEqual(await ids('email_campaign_id=501&client_id=502'), []);
    assert.deepEqual(await ids('client_id=502&status=active'), [client]);
    assert.deepEqual(await ids('client_id=502&status=disabled'), []);

    const seen: unknown[] = [];
    for (let cursor = ''; ;) {
      const { json } = await server.call('GET', `/webhook?limit=2${cursor}`);
      const page = (json['data'] as Json[]).map((webhook) => webhook['id']);
      assert.ok(page.length <= 2);
      seen.push(...page);
      if (json['next_cursor'] === null) break;
      cursor = `&cursor=${encodeURIComponent(json['next_cursor'] as string)}`;
    }
    assert.deepEqual(
      seen,
      [...new Set(seen)].toSorted((a, b) => Number(b) - Number(a)),
    );
    assert.deepEqual(seen, await ids('limit=100'));
    const others = await server.call('GET', '/webhook', undefined, { key: OTHER_KEY });
    assert.deepEqual(others.json['data'], []);
  });

  const faults: readonly [query: string, field: string][] = [
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=5&limit=6', 'limit'],
    ['limit=', 'limit'],
    ['cursor=nonsense', 'cursor'],
    ['association_type=4', 'association_type'],
    ['association_type=1.0', 'association_type'],
    ['email_campaign_id=abc', 'email_campaign_id'],
    ['email_campaign_id=1e2', 'email_campaign_id'],
    ['email_campaign_id=0x10', 'email_campaign_id'],
    ['client_id=-1', 'client_id'],
    ['status=gone', 'status'],
  ];
  for (const [query, field] of faults) {
    it(`refuses ?${query}`, async () => {
      const { status, json } = await server.call('GET', `/webhook?${query}`);
      assert.equal(status, 422);
      assert.equal((json['details'] as Json[])[0]?.['field'], field);
    });
  }
});
