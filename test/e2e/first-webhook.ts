import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { Webhook as Standard } from 'standardwebhooks';
import { Webhook as Svix } from 'svix';
import { temporaryDirectory } from './ground.ts';
import { API_KEY, PosthornProcess } from './posthorn-process.ts';
import { Receiver } from './receiver.ts';
import { waitFor } from './wait-for.ts';

describe('the first webhook', () => {
  it("is made by the seed's own curl call on an empty server", async () => {
    await using directory = await temporaryDirectory();
    await using server = await PosthornProcess.start({
      directory: directory.path,
      args: [],
      env: { POSTHORN_API_KEY: '' },
    });
    const key = /API key, shown this once: (\S+)/.exec(server.output)?.[1];
    assert.ok(key, server.output);
    // The seed's call, its key and host changed and nothing else.
    const call = `curl -s -X POST "${server.url}/api/v1/webhook/create?api_key=${key}" \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "Reply Notifications",
    "webhook_url": "https://your-domain.com/webhook",
    "email_campaign_id": 123,
    "association_type": 3,
    "event_type_map": {
      "REPLIED": true,
      "OPENED": true
    }
  }'`;
    const { stdout } = spawnSync('sh', ['-c', call], { encoding: 'utf8' });
    assert.match(
      stdout,
      /^\{"ok":true,"id":\d+,"webhook_url":"https:\/\/your-domain\.com\/webhook",/,
    );
    assert.match(server.output, /curl -X POST "http/, 'the start shows a call to copy');
    await server.end('SIGTERM');

    await using again = await PosthornProcess.start({
      directory: directory.path,
      args: [],
      env: { POSTHORN_API_KEY: '' },
    });
    assert.doesNotMatch(again.output, /API key, shown/, 'a key is shown at the first start only');
    assert.doesNotMatch(again.output, new RegExp(key));
  });

  it("gets exactly the seed's payload, signed, and the attempt is recorded", async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    await using server = await PosthornProcess.start({ directory: directory.path });
    const created = await server.call('POST', '/api/v1/webhook/create', {
      name: 'Replies',
      webhook_url: `${receiver.url}/hook?token=in-the-url`,
      association_type: 3,
      email_campaign_id: 123,
      event_type_map: { REPLIED: true },
    });
    const posted = await server.call('POST', '/api/v1/events', {
      timestamp: '2025-11-26T10:30:00Z',
      category_id: 5,
      event_type: 'REPLIED',
      campaign_id: 123,
      lead_email: 'john@example.com',
      lead_first_name: 'John',
      lead_last_name: 'Doe',
      email_account: 'sender@yourdomain.com',
      subject: 'Re: Quick question',
      message: 'Thanks for reaching out...',
      event_id: 'mine-1',
      client_id: 7,
    });
    assert.equal(posted.status, 202);
    const [accepted] = posted.json['events'] as [{ id: string; deliveries: number }];
    assert.equal(accepted.deliveries, 1);

    const post = await waitFor('the POST', () => receiver.received[0]);
    assert.equal(
      post.body,
      '{"event_type":"REPLIED","campaign_id":123,"lead_email":"john@example.com",' +
        '"lead_first_name":"John","lead_last_name":"Doe","email_account":"sender@yourdomain.com",' +
        '"subject":"Re: Quick question","message":"Thanks for reaching out...",' +
        '"timestamp":"2025-11-26T10:30:00Z","category_id":5}',
    );
    const deliveryId = `dlv_${accepted.id.slice(4)}_${String(created.json['id'])}`;
    const { host, connection, ...headers } = post.headers;
    assert.ok(host && connection);
    assert.deepEqual(Object.keys(headers).toSorted(), [
      'content-length',
      'content-type',
      'user-agent',
      'webhook-id',
      'webhook-signature',
      'webhook-timestamp',
      'x-posthorn-attempt',
      'x-posthorn-delivery-id',
      'x-posthorn-event-type',
    ]);
    assert.equal(headers['content-type'], 'application/json');
    assert.match(String(headers['user-agent']), /^Posthorn\/\d+\.\d+\.\d+$/);
    assert.equal(headers['webhook-id'], accepted.id);
    assert.equal(headers['x-posthorn-event-type'], 'REPLIED');
    assert.equal(headers['x-posthorn-delivery-id'], deliveryId);
    assert.equal(headers['x-posthorn-attempt'], '1');
    const secret = String(created.json['secret']);
    const signed = post.headers as Record<string, string>;
    assert.ok(new Standard(secret).verify(post.body, signed));
    assert.doesNotThrow(() => new Svix(secret).verify(post.body, signed));

    const delivery = await waitFor('the record', async () => {
      const { json } = await server.call('GET', `/api/v1/deliveries/${deliveryId}`);
      const data = json['data'] as Record<string, unknown>;
      return data['status'] === 'succeeded' && data;
    });
    assert.equal(delivery['attempt_count'], 1);
    assert.equal(delivery['event_id'], accepted.id);
    const [attempt] = delivery['attempts'] as [Record<string, unknown>];
    assert.equal(attempt['outcome'], 'delivered');
    assert.equal(attempt['response_status'], 200);
    assert.equal(attempt['response_body'], 'seen');
    const request = attempt['request'] as { url: string; headers: Record<string, string> };
    assert.equal(request.url, `${receiver.url}/hook?token=in-the-url`);
    for (const [name, value] of Object.entries(request.headers)) {
      assert.equal(post.headers[name], value, `${name} as sent`);
    }
    assert.equal(server.output.includes(API_KEY), false, 'no key in the log');
    assert.equal(server.output.includes(secret), false, 'no secret in the log');
    assert.equal(server.output.includes('in-the-url'), false, 'no query of a URL in the log');
    assert.equal(server.output.includes('Thanks for'), false, 'no body in the log');
  });

  it('reaches every cell of the scope matrix that it should, and no other', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    await using server = await PosthornProcess.start({ directory: directory.path });
    // Campaign 1 belongs to client 1, campaign 2 to client 2, campaign 3 to none.
    for (const id of [1, 2]) {
      await server.call('PUT', `/api/v1/campaigns/${id}`, { client_id: id, name: `c${id}` });
    }
    const scopes = [
      { association_type: 1 },
      { association_type: 2, client_id: 1 },
      { association_type: 2, client_id: 2 },
      { association_type: 3, email_campaign_id: 1 },
      { association_type: 3, email_campaign_id: 3 },
    ];
    const types = [
      { map: undefined, holds: () => true },
      { map: { SENT: true }, holds: (type: string) => type === 'SENT' },
      { map: { SENT: false, REPLIED: true }, holds: (type: string) => type === 'REPLIED' },
    ];
    const categories = [
      { map: undefined, holds: () => true },
      { map: { 5: true }, holds: (category: number | null) => category === 5 },
      { map: { 5: false, 6: true }, holds: (category: number | null) => category === 6 },
      { map: { 5: false }, holds: () => true },
    ];
    type Event = { campaign: number; client: number | null; type: string; category: number | null };
    const webhooks: { path: string; wants(event: Event): boolean }[] = [];
    for (const scope of scopes) {
      for (const eventType of types) {
        for (const category of categories) {
          const path = `/w${webhooks.length}`;
          const { status, json } = await server.call('POST', '/api/v1/webhook/create', {
            webhook_url: receiver.url + path,
            ...scope,
            event_type_map: eventType.map,
            category_id_map: category.map,
          });
          assert.equal(status, 200, JSON.stringify(json));
          webhooks.push({
            path,
            wants: (event) =>
              (scope.client_id === undefined || scope.client_id === event.client) &&
              (scope.email_campaign_id === undefined ||
                scope.email_campaign_id === event.campaign) &&
              eventType.holds(event.type) &&
              category.holds(event.category),
          });
        }
      }
    }
    const events: Event[] = [];
    for (const campaign of [1, 2, 3]) {
      // The event's own client counts before the campaign's declared one.
      for (const own of [null, 1, 2]) {
        for (const type of ['SENT', 'REPLIED']) {
          for (const category of [null, 5, 6]) {
            const declared = campaign === 3 ? null : campaign;
            events.push({ campaign, client: own ?? declared, type, category });
            const { json } = await server.call('POST', '/api/v1/events', {
              event_type: type,
              campaign_id: campaign,
              client_id: own,
              category_id: category,
              lead_email: 'a@b.c',
              cell: events.length - 1,
            });
            const [{ deliveries }] = json['events'] as [{ deliveries: number }];
            const wanted = webhooks.filter((webhook) => webhook.wants(events.at(-1) as Event));
            assert.equal(deliveries, wanted.length, JSON.stringify(events.at(-1)));
          }
        }
      }
    }
    const wanted = webhooks.flatMap((webhook) =>
      events.flatMap((event, cell) => (webhook.wants(event) ? [`${webhook.path} ${cell}`] : [])),
    );
    assert.ok(wanted.length > 500);
    await waitFor('every cell', () => receiver.received.length >= wanted.length);
    await waitFor('nothing pending', async () => {
      const { json } = await server.call('GET', '/api/v1/deliveries?status=pending');
      return (json['data'] as unknown[]).length === 0;
    });
    const arrived = receiver.received.map(
      ({ path, body }) => `${path} ${String((JSON.parse(body) as { cell: number }).cell)}`,
    );
    assert.deepEqual(arrived.toSorted(), wanted.toSorted());
  });
});
