import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiServer, type Json } from './api-server.ts';

let server: ApiServer;
before(async () => {
  server = await ApiServer.start();
});
after(() => server[Symbol.asyncDispose]());

let made = 0;
function body(changes: Json): Json {
  made += 1;
  return { webhook_url: `https://example.com/${made}`, association_type: 1, ...changes };
}

async function create(changes: Json = {}): Promise<number> {
  const { status, json, text } = await server.call('POST', '/webhook/create', body(changes));
  assert.equal(status, 200, text);
  assert.deepEqual(json['warnings'], []);
  return Number(json['id']);
}

const FIELDS = [
  'retry_schedule',
  'timeout_seconds',
  'concurrency',
  'rate_limit',
  'headers',
  'ordering',
] as const;

const DEFAULT = {
  retry_schedule: null,
  timeout_seconds: null,
  concurrency: null,
  rate_limit: null,
  headers: [],
  ordering: 'none',
};

const GIVEN = {
  retry_schedule: ['5s', '60s', '1500ms'],
  timeout_seconds: 2.5,
  concurrency: 3,
  rate_limit: 10,
  headers: { Authorization: 'Bearer s3cret', 'X-Team': 'c r m' },
  ordering: 'lead',
};

const SHOWN = {
  ...GIVEN,
  retry_schedule: ['5s', '1m', '1500ms'],
  headers: ['Authorization', 'X-Team'],
};

async function shown(id: number): Promise<Json> {
  const { json, text } = await server.call('GET', `/webhook/${id}`);
  assert.doesNotMatch(text, /s3cret|c r m/, 'values of headers are never shown');
  const data = json['data'] as Json;
  return Object.fromEntries(FIELDS.map((field) => [field, data[field]]));
}

describe("a webhook's policy", () => {
  it('is the default where none is given', async () => {
    assert.deepEqual(await shown(await create()), DEFAULT);
    const nothing = Object.fromEntries(FIELDS.map((field) => [field, null]));
    assert.deepEqual(await shown(await create(nothing)), DEFAULT);
    assert.deepEqual(await shown(await create({ headers: {} })), DEFAULT);
  });

  it('is kept as it is given, and shown without the values of its headers', async () => {
    assert.deepEqual(await shown(await create(GIVEN)), SHOWN);
    const { text } = await server.call('GET', '/webhook');
    assert.doesNotMatch(text, /s3cret/);
    assert.doesNotMatch(server.log.join(''), /s3cret/);
  });

  it('may be at its bounds', async () => {
    const headers = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x-${i}`, 'v']));
    for (const changes of [
      { retry_schedule: [], timeout_seconds: 1, concurrency: 1, rate_limit: 1, headers },
      { timeout_seconds: 30, concurrency: 64, rate_limit: 1_000 },
      { retry_schedule: Array(30).fill('30d'), headers: { 'x-long': 'v'.repeat(2_048) } },
      { retry_schedule: ['1ms'], headers: { ['n'.repeat(128)]: 'v' } },
    ]) {
      await create(changes);
    }
  });

  it('changes field by field, and goes back to the default with null', async () => {
    const id = await create(GIVEN);
    const update = (changes: Json): Promise<unknown> =>
      server.call('PUT', `/webhook/update/${id}`, changes);
    await update({ name: 'renamed' });
    assert.deepEqual(await shown(id), SHOWN);
    await update({ rate_limit: null, headers: { 'X-New': 'other' } });
    assert.deepEqual(await shown(id), { ...SHOWN, rate_limit: null, headers: ['X-New'] });
    await update(Object.fromEntries(FIELDS.map((field) => [field, null])));
    assert.deepEqual(await shown(id), DEFAULT);
  });

  it('takes part in whether a webhook is the same one', async () => {
    const given = body(GIVEN);
    const first = await server.call('POST', '/webhook/create', given);
    const again = await server.call('POST', '/webhook/create', {
      ...given,
      retry_schedule: ['5s', '1m', '1500ms'],
      headers: { 'x-team': 'c r m', authorization: 'Bearer s3cret' },
    });
    assert.deepEqual([again.status, again.json['existing']], [200, true]);
    assert.equal(again.json['id'], first.json['id']);
    for (const changes of [
      { headers: { ...GIVEN.headers, 'X-Team': 'other' } },
      { rate_limit: 11 },
      { ordering: 'none' },
      { retry_schedule: null },
    ]) {
      const other = await server.call('POST', '/webhook/create', { ...given, ...changes });
      assert.equal(other.json['code'], 'similar_webhook_exists', JSON.stringify(changes));
    }
  });
});

const wait = 'must be a time like "5s", "1m" or "2h", from 1ms to 30d';
const reserved = 'is set by Posthorn or by the connection, and cannot be replaced';
const value = 'must be printable ASCII, without line breaks and without spaces at its ends';
const range = (from: number, to: number): string => `must be a whole number from ${from} to ${to}`;
const twentyOne = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`x-${i}`, 'v']));

const FAULTS: readonly (readonly [what: string, changes: Json, faults: Json])[] = [
  ['no list', { retry_schedule: '5s' }, { retry_schedule: 'must be a list, not text' }],
  [
    'bad durations',
    { retry_schedule: ['5', '-5s', '5s', '', 'x', '1.5s', '0s'] },
    {
      'retry_schedule.0': wait,
      'retry_schedule.1': wait,
      'retry_schedule.3': wait,
      'retry_schedule.4': wait,
      'retry_schedule.5': wait,
      'retry_schedule.6': wait,
    },
  ],
  ['numbers as durations', { retry_schedule: [5] }, { 'retry_schedule.0': wait }],
  ['a wait too long', { retry_schedule: ['31d'] }, { 'retry_schedule.0': wait }],
  [
    'too many waits',
    { retry_schedule: Array(31).fill('1s') },
    {
      retry_schedule: 'must have at most 30 waits',
    },
  ],
  [
    'a timeout of zero',
    { timeout_seconds: 0 },
    {
      timeout_seconds: 'must be a number from 1 to 30',
    },
  ],
  [
    'a timeout too long',
    { timeout_seconds: 31 },
    {
      timeout_seconds: 'must be a number from 1 to 30',
    },
  ],
  [
    'a timeout as text',
    { timeout_seconds: '5' },
    {
      timeout_seconds: 'must be a number from 1 to 30, not text',
    },
  ],
  ['a concurrency of zero', { concurrency: 0 }, { concurrency: range(1, 64) }],
  ['half a request', { concurrency: 1.5 }, { concurrency: range(1, 64) }],
  ['a concurrency too high', { concurrency: 65 }, { concurrency: range(1, 64) }],
  ['a rate limit of zero', { rate_limit: 0 }, { rate_limit: range(1, 1_000) }],
  ['a negative rate limit', { rate_limit: -1 }, { rate_limit: range(1, 1_000) }],
  ['a rate limit as text', { rate_limit: '10' }, { rate_limit: `${range(1, 1_000)}, not text` }],
  ['an unknown ordering', { ordering: 'strict' }, { ordering: 'must be one of none, lead' }],
  ['headers in a list', { headers: ['x-a: 1'] }, { headers: 'must be a JSON object, not a list' }],
  ['too many headers', { headers: twentyOne }, { headers: 'must not be more than 20' }],
  [
    'line breaks in a value',
    { headers: { 'X-A': 'a\r\nX-B: c', 'X-C': 'a\nb', 'X-D': 'a\r' } },
    {
      'headers.X-A': value,
      'headers.X-C': value,
      'headers.X-D': value,
    },
  ],
  [
    'line breaks in a name',
    { headers: { 'X-A\r\nX-B': 'c' } },
    {
      'headers.X-A\r\nX-B': 'is no name of a header',
    },
  ],
  [
    'other than ASCII',
    { headers: { 'X-A': 'ä', 'X-B': '\u010a' } },
    {
      'headers.X-A': value,
      'headers.X-B': value,
    },
  ],
  [
    'no text',
    { headers: { 'X-A': 5, 'X-B': ['a'], 'X-C': null } },
    {
      'headers.X-A': 'must be text, not a number',
      'headers.X-B': 'must be text, not a list',
      'headers.X-C': 'must be text, not null: values are not kept for you to send back',
    },
  ],
  ['a name twice', { headers: { 'X-A': '1', 'x-a': '2' } }, { 'headers.x-a': 'is there twice' }],
  [
    'names that are no fields of an object',
    JSON.parse('{"headers":{"__proto__":"x"}}') as Json,
    {
      'headers.__proto__': 'is no name of a header',
    },
  ],
  [
    'a value too long',
    { headers: { 'X-A': 'v'.repeat(2_049) } },
    {
      'headers.X-A': 'must have at most 2048 characters',
    },
  ],
  ...[
    'webhook-id',
    'Webhook-Signature',
    'WEBHOOK-TIMESTAMP',
    'x-posthorn-attempt',
    'Content-Type',
    'content-length',
    'Transfer-Encoding',
    'Connection',
    'Keep-Alive',
    'TE',
    'Upgrade',
    'Proxy-Authorization',
    'Host',
    'User-Agent',
    'Expect',
  ].map(
    (name) =>
      [
        `${name} as a header`,
        { headers: { [name]: 'x' } },
        { [`headers.${name}`]: reserved },
      ] as const,
  ),
];

describe('a policy that cannot be', () => {
  for (const [what, changes, faults] of FAULTS) {
    it(`is a 422 that says so: ${what}`, async () => {
      const id = await create(GIVEN);
      for (const [method, path, given] of [
        ['POST', '/webhook/create', body(changes)],
        ['PUT', `/webhook/update/${id}`, changes],
      ] as const) {
        const { status, json } = await server.call(method, path, given);
        assert.deepEqual([status, json['code']], [422, 'validation_error']);
        const details = json['details'] as { field: string; issue: string }[];
        assert.deepEqual(Object.fromEntries(details.map((d) => [d.field, d.issue])), faults);
      }
      assert.deepEqual(await shown(id), SHOWN, 'nothing is changed');
    });
  }

  it('is told of together with all that is wrong', async () => {
    const { json } = await server.call('POST', '/webhook/create', {
      webhook_url: 'x',
      concurrency: 0,
      headers: { host: 'x' },
    });
    const fields = (json['details'] as Json[]).map((detail) => detail['field']);
    assert.deepEqual(fields, ['webhook_url', 'association_type', 'concurrency', 'headers.host']);
  });
});
