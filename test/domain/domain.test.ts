import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Webhook as Standard } from 'standardwebhooks';
import { Webhook as Svix } from 'svix';
import {
  DELIVERY_STATUSES,
  transition,
  type DeliveryTransition,
} from '../../src/domain/delivery.ts';
import {
  acceptedAt,
  deliveryId,
  eventIdMaker,
  firstEventIdAt,
  isEventId,
  parseDeliveryId,
} from '../../src/domain/ids.ts';
import { newSecret, signatureHeader } from '../../src/domain/signature.ts';
import { normalizedUrl, sameDefinition } from '../../src/domain/webhook.ts';
import { NO_POLICY } from '../../src/domain/webhook-policy.ts';

describe('event ids', () => {
  it('rise, are UUIDv7, and tell the time of acceptance, whatever the clock does', () => {
    const steps = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(steps, (moves) => {
        let clock = 1_790_000_000_000;
        const make = eventIdMaker(() => clock);
        let last = make();
        for (const move of moves) {
          clock += move;
          const id = make();
          assert.ok(id > last, `${id} after ${last}`);
          assert.ok(isEventId(id));
          assert.match(id, /^evt_.{12}7.{3}[89ab]/);
          assert.ok(acceptedAt(id) >= clock);
          last = id;
        }
      }),
    );
  });

  it('stay unique and rising beyond 4,096 in one millisecond', () => {
    const make = eventIdMaker(() => 1_790_000_000_000);
    const ids = Array.from({ length: 10_000 }, make);
    assert.equal(new Set(ids).size, ids.length);
    assert.deepEqual(ids, ids.toSorted());
  });

  it('have a first one for each millisecond', () => {
    const id = eventIdMaker(() => 1_790_000_000_123)();
    assert.ok(firstEventIdAt(1_790_000_000_123) < id);
    assert.ok(firstEventIdAt(1_790_000_000_124) > id);
  });
});

describe('delivery ids', () => {
  it('spell their event and webhook, and nothing else is one', () => {
    const key = { eventId: eventIdMaker()(), webhookId: 456 };
    assert.deepEqual(parseDeliveryId(deliveryId(key)), key);
    for (const wrong of [
      '',
      'dlv_',
      'dlv_1_2',
      `${deliveryId(key)}x`,
      deliveryId(key).slice(0, -4),
    ]) {
      assert.equal(parseDeliveryId(wrong), undefined, wrong);
    }
  });
});

describe('the lifecycle of a delivery', () => {
  it('has exactly the changes that the product page tells', () => {
    const all: DeliveryTransition[] = ['succeed', 'retry', 'exhaust', 'cancel', 'redo'];
    const found = DELIVERY_STATUSES.flatMap((from) =>
      all.flatMap((by) => {
        const to = transition(from, by);
        return to ? [`${from} -${by}-> ${to}`] : [];
      }),
    );
    assert.deepEqual(found, [
      'pending -succeed-> succeeded',
      'pending -retry-> pending',
      'pending -exhaust-> exhausted',
      'pending -cancel-> canceled',
      'succeeded -redo-> pending',
      'exhausted -redo-> pending',
      'canceled -redo-> pending',
    ]);
  });
});

describe('signatures', () => {
  it('give the published vector of Standard Webhooks', () => {
    const signature = signatureHeader(
      ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      1_614_265_330,
      '{"test": 2432232314}',
    );
    assert.equal(signature, 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('verify with the packages standardwebhooks and svix, with any of several secrets', () => {
    const secrets = [newSecret(), newSecret()];
    const seconds = Math.floor(Date.now() / 1000);
    const body = JSON.stringify({ lead_first_name: 'Jürgen 🎺', n: 1 });
    const headers = {
      'webhook-id': 'evt_1',
      'webhook-timestamp': String(seconds),
      'webhook-signature': signatureHeader(secrets, 'evt_1', seconds, body),
    };
    for (const secret of secrets) {
      assert.deepEqual(new Standard(secret).verify(body, headers), JSON.parse(body));
      assert.doesNotThrow(() => new Svix(secret).verify(body, headers));
    }
    assert.throws(() => new Standard(newSecret()).verify(body, headers));
    assert.throws(() => new Standard(secrets[0] ?? '').verify(`${body} `, headers));
    assert.throws(() => new Svix(secrets[0] ?? '').verify(`${body} `, headers));
  });
});

describe('similar webhooks', () => {
  it('have URLs that are the same after normalising', () => {
    const same = [
      ['https://Example.com', 'https://example.com/'],
      ['https://example.com:443/a', 'HTTPS://example.com/a#part'],
      ['https://example.com/a/../b', 'https://example.com/b'],
    ];
    for (const [a = '', b = ''] of same) assert.equal(normalizedUrl(a), normalizedUrl(b));
    assert.notEqual(normalizedUrl('https://example.com/a'), normalizedUrl('https://example.com/A'));
    assert.notEqual(normalizedUrl('https://example.com/'), normalizedUrl('http://example.com/'));
  });

  it('are the same again where they ask for the same, however the maps spell it', () => {
    const base = {
      name: 'n',
      url: 'https://e.com/',
      eventTypeMap: { SENT: true, OPENED: false },
      categoryIdMap: null,
      webhookType: null,
      ...NO_POLICY,
    };
    assert.ok(sameDefinition(base, { ...base, eventTypeMap: { SENT: true }, categoryIdMap: {} }));
    assert.ok(!sameDefinition(base, { ...base, eventTypeMap: { OPENED: true } }));
    assert.ok(!sameDefinition(base, { ...base, eventTypeMap: null }));
    assert.ok(!sameDefinition(base, { ...base, categoryIdMap: { 5: true } }));
    assert.ok(!sameDefinition(base, { ...base, name: null }));
    assert.ok(!sameDefinition(base, { ...base, webhookType: 'crm' }));
  });
});
