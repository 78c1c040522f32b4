import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { CAMPAIGN_EVENT_TYPES, EVENT_TYPES } from '../../src/domain/event.ts';
import { ApiServer, KEY, type Json } from './api-server.ts';

const positive = 'must be a positive integer up to 9007199254740991';
const categoryIssue = 'is no category id: ids are positive integers, as text';

const SEED_BODY = `{
    "name": "Reply Notifications",
    "webhook_url": "https://your-domain.com/webhook",
    "email_campaign_id": 123,
    "association_type": 3,
    "event_type_map": {
      "REPLIED": true,
      "OPENED": true
    }
  }`;

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
});
after(() => server[Symbol.asyncDispose]());

let made = 0;
/** A body that is good and like no other, with changes. */
function body(changes: Json = {}): Json {
  made += 1;
  return { webhook_url: `https://example.com/hook/${made}`, association_type: 1, ...changes };
}

async function create(changes: Json = {}): Promise<Json> {
  const { status, json, text } = await server.call('POST', '/webhook/create', body(changes));
  assert.equal(status, 200, text);
  return json;
}

async function faults(raw: Json): Promise<Json[]> {
  const { status, json } = await server.call('POST', '/webhook/create', raw);
  assert.equal(status, 422);
  assert.equal(json['code'], 'validation_error');
  return json['details'] as Json[];
}

describe("the seed's curl call", () => {
  it('answers 200 on an empty server, with the three fields of the seed first', async () => {
    const { stdout } = await promisify(execFile)('curl', [
      '-s',
      '-X',
      'POST',
      `${server.url}/api/v1/webhook/create?api_key=${KEY}`,
      '-H',
      'Content-Type: application/json',
      '-d',
      SEED_BODY,
    ]);
    assert.match(
      stdout,
      /^\{"ok":true,"id":[1-9]\d*,"webhook_url":"https:\/\/your-domain\.com\/webhook","secret":"whsec_/,
    );
    const answer = JSON.parse(stdout) as Json;
    assert.equal(answer['existing'], false);
    assert.deepEqual(answer['warnings'], ['Campaign 123 has sent no event so far']);
  });
});

describe('the three associations', () => {
  it('user level needs no id and warns of nothing', async () => {
    const answer = await create({ association_type: 1 });
    assert.deepEqual(answer['warnings'], []);
  });

  it('client level names its client', async () => {
    const { id, warnings } = await create({ association_type: 2, client_id: 77 });
    assert.deepEqual(warnings, ['Client 77 has had no event so far']);
    const { json } = await server.call('GET', `/webhook/${String(id)}`);
    const data = json['data'] as Json;
    assert.deepEqual(
      [data['association_type'], data['client_id'], data['email_campaign_id']],
      [2, 77, null],
    );
  });

  it('campaign level names its campaign', async () => {
    const { id } = await create({ association_type: 3, email_campaign_id: 2 ** 53 - 1 });
    const { json } = await server.call('GET', `/webhook/${String(id)}`);
    const data = json['data'] as Json;
    assert.deepEqual(
      [data['association_type'], data['client_id'], data['email_campaign_id']],
      [3, null, 2 ** 53 - 1],
    );
  });

  it('does not warn once the campaign and the client have had an event', async () => {
    const event = { event_type: 'SENT', campaign_id: 880, client_id: 881, lead_email: 'a@b' };
    assert.equal((await server.call('POST', '/events', event)).status, 202);
    const byCampaign = await create({ association_type: 3, email_campaign_id: 880 });
    assert.deepEqual(byCampaign['warnings'], []);
    const byClient = await create({ association_type: 2, client_id: 881 });
    assert.deepEqual(byClient['warnings'], []);
  });
});

describe('warnings', () => {
  it('name ids that do not go with the association, and fields that are not known', async () => {
    const { warnings } = await create({
      association_type: 1,
      email_campaign_id: 5,
      client_id: 6,
      retry_plan: ['5s'],
      'wébhook url': 'x',
    });
    assert.deepEqual(warnings, [
      'client_id takes no part when association_type is 1',
      'email_campaign_id takes no part when association_type is 1',
      '"retry_plan" is not a field known here and was left aside',
      '"wébhook url" is not a field known here and was left aside',
    ]);
  });

  it('take null for left out', async () => {
    const { warnings } = await create({
      email_campaign_id: null,
      client_id: null,
      name: null,
      event_type_map: null,
      category_id_map: null,
      webhook_type: null,
      force_create: null,
    });
    assert.deepEqual(warnings, []);
  });
});

describe('a wrong field', () => {
  const cases: readonly [field: string, value: unknown, issue: string | RegExp][] = [
    ['webhook_url', undefined, 'is required'],
    ['webhook_url', null, 'is required'],
    ['webhook_url', 5, 'must be text, not a number'],
    ['webhook_url', '', 'must be an absolute http or https URL'],
    ['webhook_url', 'example.com/hook', 'must be an absolute http or https URL'],
    ['webhook_url', '/hook', 'must be an absolute http or https URL'],
    ['webhook_url', 'https:example.com', 'must be an absolute http or https URL'],
    ['webhook_url', 'ftp://example.com', 'must be an absolute http or https URL'],
    ['webhook_url', 'javascript:alert(1)', 'must be an absolute http or https URL'],
    ['webhook_url', ' https://example.com', 'must be an absolute http or https URL'],
    ['webhook_url', 'https://example.com/a b', 'must be an absolute http or https URL'],
    ['webhook_url', 'https://exa\tmple.com/', 'must be an absolute http or https URL'],
    ['webhook_url', 'https://', 'must be an absolute http or https URL'],
    ['webhook_url', 'https://example.com:99999/', 'must be an absolute http or https URL'],
    ['webhook_url', 'https://[::1/', 'must be an absolute http or https URL'],
    ['webhook_url', 'https://user:pw@example.com/', 'must not have a user or a password'],
    ['webhook_url', 'https://user@example.com/', 'must not have a user or a password'],
    ['webhook_url', 'http://example.com/', 'must be https'],
    ['webhook_url', `https://example.com/${'x'.repeat(2029)}`, 'must have at most 2048 characters'],
    ['webhook_url', 'https://127.0.0.1/', /^is not allowed: .*127\.0\.0\.1/],
    ['webhook_url', 'https://2130706433/', /^is not allowed/],
    ['webhook_url', 'https://0x7f.1/', /^is not allowed/],
    ['webhook_url', 'https://[::ffff:10.0.0.1]/', /^is not allowed/],
    ['webhook_url', 'https://169.254.169.254/latest', /^is not allowed/],
    ['association_type', undefined, 'is required'],
    ['association_type', 0, 'must be 1, 2 or 3'],
    ['association_type', 4, 'must be 1, 2 or 3'],
    ['association_type', '3', 'must be 1, 2 or 3'],
    ['association_type', 'campaign', 'must be 1, 2 or 3'],
    ['association_type', [3], 'must be 1, 2 or 3'],
    ['email_campaign_id', '123', 'must be a positive integer, not text'],
    ['email_campaign_id', 0, positive],
    ['email_campaign_id', -5, positive],
    ['email_campaign_id', 1.5, positive],
    ['email_campaign_id', 2 ** 53, positive],
    ['client_id', '7', 'must be a positive integer, not text'],
    ['client_id', {}, 'must be a positive integer, not an object'],
    ['name', 5, 'must be text, not a number'],
    ['webhook_type', 'x'.repeat(65), 'must have at most 64 characters'],
    ['webhook_type', [], 'must be text, not a list'],
    ['force_create', 'true', 'must be true or false, not text'],
    ['force_create', 1, 'must be true or false, not a number'],
    ['event_type_map', {}, 'must have at least one event type that is true'],
    ['event_type_map', { SENT: false }, 'must have at least one event type that is true'],
    ['event_type_map', ['SENT'], 'must be a JSON object, not a list'],
    ['event_type_map', 'SENT', 'must be a JSON object, not text'],
    ['category_id_map', [5], 'must be a JSON object, not a list'],
  ];
  for (const [field, value, issue] of cases) {
    it(`${field}: ${JSON.stringify(value)?.slice(0, 50)}`, async () => {
      const [fault, ...others] = await faults(body({ [field]: value }));
      assert.equal(fault?.['field'], field);
      if (typeof issue === 'string') assert.equal(fault['issue'], issue);
      else assert.match(String(fault['issue']), issue);
      assert.deepEqual(others, []);
    });
  }

  it('an unknown event type is told with those that are known', async () => {
    const raw = `{"webhook_url":"https://x.example","association_type":1,
      "event_type_map":{"SENT":true,"EMAIL_SENT":true,"__proto__":true,"constructor":true}}`;
    const { json } = await server.call('POST', '/webhook/create', undefined, { raw });
    assert.deepEqual(json['details'], [
      {
        field: 'event_type_map',
        issue:
          'names unknown event types (EMAIL_SENT, __proto__, constructor); ' +
          `known are ${EVENT_TYPES.join(', ')}`,
      },
    ]);
  });

  it('values in maps are booleans', async () => {
    const maps = { event_type_map: { SENT: 1 }, category_id_map: { 5: 'yes' } };
    assert.deepEqual(await faults(body(maps)), [
      { field: 'event_type_map.SENT', issue: 'must be true or false, not a number' },
      { field: 'category_id_map.5', issue: 'must be true or false, not text' },
    ]);
  });

  for (const key of [
    '0',
    '-1',
    '05',
    '1.5',
    'five',
    '',
    '9007199254740992',
    '__proto__',
    'constructor',
  ]) {
    it(`${JSON.stringify(key)} is no category`, async () => {
      const raw = `{"webhook_url":"https://x.example","association_type":1,"category_id_map":{"${key}":true}}`;
      const { status, json } = await server.call('POST', '/webhook/create', undefined, { raw });
      assert.equal(status, 422);
      assert.deepEqual(json['details'], [
        { field: `category_id_map.${key}`, issue: categoryIssue },
      ]);
    });
  }

  it('is told with all the others, in one sentence that names them', async () => {
    const { status, json } = await server.call('POST', '/webhook/create', {
      webhook_url: 'nonsense',
      association_type: 3,
      event_type_map: {},
      force_create: 'no',
    });
    assert.equal(status, 422);
    const sentence =
      'webhook_url must be an absolute http or https URL; ' +
      'event_type_map must have at least one event type that is true; ' +
      'force_create must be true or false, not text; ' +
      'email_campaign_id is required when association_type is 3';
    assert.equal(json['error'], sentence);
    assert.equal(json['message'], sentence);
  });

  it('ids are required with the association that needs them', async () => {
    for (const [association_type, field] of [
      [2, 'client_id'],
      [3, 'email_campaign_id'],
    ] as const) {
      assert.deepEqual(await faults(body({ association_type, [field]: null })), [
        { field, issue: `is required when association_type is ${association_type}` },
      ]);
    }
  });

  it('no body lacks what an empty one lacks', async () => {
    const expected = 'webhook_url is required; association_type is required';
    for (const options of [{}, { raw: '' }, { raw: 'null' }, { raw: '{}' }]) {
      const { status, json } = await server.call('POST', '/webhook/create', undefined, options);
      assert.equal(status, 422);
      assert.equal(json['error'], expected);
    }
    const { json } = await server.call('POST', '/webhook/create', [body()]);
    assert.equal(json['error'], 'body must be a JSON object, not a list');
  });
});

describe('a webhook like one that exists', () => {
  it('is the same one where the definition is the same', async () => {
    const first = await create({ name: 'n', webhook_url: 'https://same.example/a' });
    const again = await create({ name: 'n', webhook_url: 'HTTPS://SAME.example:443/a#x' });
    assert.equal(again['id'], first['id']);
    assert.equal(again['existing'], true);
    assert.equal(again['webhook_url'], 'HTTPS://SAME.example:443/a#x');
    assert.equal('secret' in again, false);
  });

  it('is refused where it differs, and made where that is forced', async () => {
    const given = { webhook_url: 'https://similar.example', event_type_map: { SENT: true } };
    const first = await create(given);
    const differing = { ...body(given), event_type_map: { OPENED: true } };
    const { status, json } = await server.call('POST', '/webhook/create', differing);
    assert.equal(status, 422);
    assert.equal(json['code'], 'similar_webhook_exists');
    assert.equal(json['existing_webhook_id'], first['id']);
    const forced = await create({ ...differing, force_create: true });
    assert.notEqual(forced['id'], first['id']);
    assert.equal(forced['existing'], false);
    assert.match(String(forced['secret']), /^whsec_/);
  });
});

describe('maps', () => {
  it('are shown as given, and where left out as what they mean', async () => {
    const { id } = await create({
      event_type_map: { SENT: true, OPENED: false, WEBHOOK_FAILING: true },
      category_id_map: { 5: true, 9007199254740991: false },
      webhook_type: 'any text',
    });
    const shown = (await server.call('GET', `/webhook/${String(id)}`)).json['data'] as Json;
    assert.deepEqual(shown['event_type_map'], { SENT: true, OPENED: false, WEBHOOK_FAILING: true });
    assert.deepEqual(shown['category_id_map'], { 5: true, 9007199254740991: false });
    assert.equal(shown['webhook_type'], 'any text');

    const { id: plain } = await create();
    const all = (await server.call('GET', `/webhook/${String(plain)}`)).json['data'] as Json;
    const every = Object.fromEntries(CAMPAIGN_EVENT_TYPES.map((type) => [type, true]));
    assert.deepEqual(all['event_type_map'], every);
    assert.deepEqual(all['category_id_map'], {});
  });
});
