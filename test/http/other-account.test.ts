import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiServer, KEY, OTHER_KEY, type Json } from './api-server.ts';

const EVENT = { event_type: 'SENT', campaign_id: 1, lead_email: 'a@b.example' };
const WEBHOOK = { webhook_url: 'https://example.com/', association_type: 1 };

let server: ApiServer;
/** Ids of the first account. */
let ids: {
  active: number;
  deleted: number;
  event: string;
  ended: string;
  pending: string;
  redo: number;
};

before(async () => {
  server = await ApiServer.start();
  const made = [];
  for (const path of ['active', 'deleted']) {
    const webhook_url = `https://example.com/${path}`;
    const { json } = await server.call('POST', '/webhook/create', { ...WEBHOOK, webhook_url });
    made.push(Number(json['id']));
  }
  const [active = 0, deleted = 0] = made;
  await server.call('PUT', '/campaigns/1', { name: 'first', client_id: 5, status: 'ACTIVE' });
  const { json } = await server.call('POST', '/events', { ...EVENT, event_id: 'one' });
  const [{ id: event }] = json['events'] as [{ id: string }];
  await server.call('DELETE', `/webhook/delete/${deleted}`);
  const [pending, ended] = [active, deleted].map((id) => `dlv_${event.slice(4)}_${id}`);
  const replay = { from: '2020-01-01' };
  const replayed = await server.call('POST', `/webhook/${active}/replay`, replay);
  const redo = Number((replayed.json['data'] as Json)['id']);
  ids = { active, deleted, event, ended: ended ?? '', pending: pending ?? '', redo };
});
after(() => server[Symbol.asyncDispose]());

async function status(method: string, path: string, body?: unknown): Promise<number> {
  return (await server.call(method, path, body, { key: OTHER_KEY })).status;
}

async function listed(path: string): Promise<unknown> {
  return (await server.call('GET', path, undefined, { key: OTHER_KEY })).json['data'];
}

/** All that the first account can see. */
async function everything(): Promise<string> {
  const paths = [
    '/webhook',
    `/webhook/${ids.active}`,
    `/webhook/${ids.deleted}`,
    `/webhook/${ids.active}/secret`,
    '/campaigns/1',
    '/events',
    `/events/${ids.event}`,
    `/events/${ids.event}/explain`,
    '/deliveries',
    `/deliveries/${ids.pending}`,
    `/deliveries/${ids.ended}`,
    `/redos/${ids.redo}`,
  ];
  const shown = await Promise.all(paths.map((path) => server.call('GET', path)));
  for (const { status, text } of shown) assert.equal(status, 200, text);
  return shown.map(({ text }) => text).join('\n');
}

/** What another account's key does on each route with the ids of the first account, and what it is told. */
const ROUTES: Record<string, () => Promise<void>> = {
  'get /webhook': async () => {
    assert.deepEqual(await listed('/webhook'), []);
    assert.deepEqual(await listed('/webhook?status=deleted'), []);
  },
  'get /webhook/{id}': async () => {
    assert.equal(await status('GET', `/webhook/${ids.active}`), 404);
    assert.equal(await status('GET', `/webhook/${ids.deleted}`), 404);
  },
  'post /webhook/create': async () => {
    const webhook_url = 'https://example.com/active';
    const options = { key: OTHER_KEY };
    const body = { ...WEBHOOK, webhook_url, name: 'differs' };
    const { status, json } = await server.call('POST', '/webhook/create', body, options);
    assert.deepEqual([status, json['existing']], [200, false], 'no similar one is known here');
    assert.notEqual(json['id'], ids.active);
    await server.call('DELETE', `/webhook/delete/${String(json['id'])}`, undefined, options);
  },
  'put /webhook/update/{id}': async () => {
    assert.equal(await status('PUT', `/webhook/update/${ids.active}`, { name: 'taken' }), 404);
  },
  'delete /webhook/delete': async () => {
    assert.equal(await status('DELETE', '/webhook/delete', { id: ids.active }), 404);
  },
  'delete /webhook/delete/{id}': async () => {
    assert.equal(await status('DELETE', `/webhook/delete/${ids.active}`), 404);
  },
  ...Object.fromEntries(
    (['pause', 'resume', 'test', 'secret/rotate'] as const).map((verb) => [
      `post /webhook/{id}/${verb}`,
      async (): Promise<void> => {
        assert.equal(await status('POST', `/webhook/${ids.active}/${verb}`, {}), 404);
        assert.equal(await status('POST', `/webhook/${ids.deleted}/${verb}`, {}), 404);
      },
    ]),
  ),
  'get /webhook/{id}/secret': async () => {
    assert.equal(await status('GET', `/webhook/${ids.active}/secret`), 404);
  },
  'get /campaigns/{id}': async () => {
    assert.equal(await status('GET', '/campaigns/1'), 404);
  },
  'put /campaigns/{id}': async () => {
    const body = { name: 'other', client_id: 6 };
    const { json } = await server.call('PUT', '/campaigns/1', body, { key: OTHER_KEY });
    assert.equal((json['data'] as Json)['status'], null, 'a campaign 1 of its own');
  },
  'post /events': async () => {
    const body = { ...EVENT, event_id: 'one' };
    const { json } = await server.call('POST', '/events', body, { key: OTHER_KEY });
    const [accepted] = json['events'] as [Json];
    assert.equal(accepted['duplicate'], false, 'an event_id belongs to its account');
    assert.equal(accepted['deliveries'], 0, 'it triggers nothing of another account');
    assert.notEqual(accepted['id'], ids.event);
  },
  'get /events': async () => {
    const found = (await listed('/events?campaign_id=1')) as Json[];
    assert.ok(found.every(({ id }) => id !== ids.event));
  },
  'get /events/{id}': async () => {
    assert.equal(await status('GET', `/events/${ids.event}`), 404);
  },
  'get /events/{id}/explain': async () => {
    assert.equal(await status('GET', `/events/${ids.event}/explain`), 404);
  },
  'get /deliveries': async () => {
    for (const query of [
      '',
      '?status=pending',
      '?status=canceled',
      `?event_id=${ids.event}`,
      `?webhook_id=${ids.active}`,
      `?webhook_id=${ids.deleted}`,
    ]) {
      assert.deepEqual(await listed(`/deliveries${query}`), [], query);
    }
  },
  'get /deliveries/{id}': async () => {
    assert.equal(await status('GET', `/deliveries/${ids.pending}`), 404);
    assert.equal(await status('GET', `/deliveries/${ids.ended}`), 404);
  },
  'post /deliveries/{id}/retry': async () => {
    assert.equal(await status('POST', `/deliveries/${ids.pending}/retry`), 404);
    assert.equal(await status('POST', `/deliveries/${ids.ended}/retry`), 404);
  },
  ...Object.fromEntries(
    (['replay', 'backfill'] as const).map((verb) => [
      `post /webhook/{id}/${verb}`,
      async (): Promise<void> => {
        for (const dry_run of [true, false]) {
          const body = { from: '2020-01-01', dry_run };
          assert.equal(await status('POST', `/webhook/${ids.active}/${verb}`, body), 404);
          assert.equal(await status('POST', `/webhook/${ids.deleted}/${verb}`, body), 404);
        }
      },
    ]),
  ),
  'get /redos/{id}': async () => {
    assert.equal(await status('GET', `/redos/${ids.redo}`), 404);
  },
  'get /openapi.json': async () => {
    assert.equal(await status('GET', '/openapi.json'), 200);
  },
};

describe("another account's key", () => {
  it('is tried on every route that there is', () => {
    const routes = Object.entries(server.answers.document.paths)
      .filter(([path]) => path.startsWith('/api/v1/'))
      .flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method} ${path.slice('/api/v1'.length)}`),
      );
    assert.deepEqual(routes.toSorted(), Object.keys(ROUTES).toSorted());
  });

  for (const [route, attempt] of Object.entries(ROUTES)) {
    it(`reads, changes and triggers nothing: ${route}`, async () => {
      const before = await everything();
      await attempt();
      assert.equal(await everything(), before);
    });
  }

  it('is the only one that opens its account', async () => {
    const own = await server.call('POST', '/events', EVENT, { key: OTHER_KEY });
    const [{ id }] = own.json['events'] as [{ id: string }];
    assert.equal(await status('GET', `/events/${id}`), 200);
    assert.equal((await server.call('GET', `/events/${id}`, undefined, { key: KEY })).status, 404);
  });
});
