import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CAMPAIGN_EVENT_TYPES } from '../../src/domain/event.ts';
import {
  CAMPAIGN_LEVEL,
  CLIENT_LEVEL,
  USER_LEVEL,
  type NewWebhook,
} from '../../src/domain/webhook.ts';
import { A_POLICY, answered410, aWebhook } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const BASE = {
  association: CAMPAIGN_LEVEL,
  targetId: 123,
  name: 'CRM',
  url: 'https://example.com/a/hook',
  eventTypeMap: { SENT: true, OPENED: true, CLICKED: false },
  categoryIdMap: { 2: true, 10: true, 3: false },
  webhookType: 'crm',
} as const;

type Changes = Partial<NewWebhook>;

const every = Object.fromEntries(CAMPAIGN_EVENT_TYPES.map((type) => [type, true]));

/** Pairs of spellings that mean one thing. */
const SAME: [string, Changes, Changes][] = [
  ['all is the same', {}, {}],
  ['the secret is another', {}, { secret: 'whsec_AAAA' }],
  ['the case of scheme and host', {}, { url: 'HTTPS://EXAMPLE.com/a/hook' }],
  ['the default port', {}, { url: 'https://example.com:443/a/hook' }],
  ['dot segments', {}, { url: 'https://example.com/b/../a/./hook' }],
  ['a fragment', {}, { url: 'https://example.com/a/hook#part' }],
  ['spellings of an address', { url: 'http://127.0.0.1/' }, { url: 'http://0x7f.1' }],
  ['types left out', {}, { eventTypeMap: { OPENED: true, SENT: true } }],
  ['no types and all of them', { eventTypeMap: null }, { eventTypeMap: every }],
  ['categories left out', {}, { categoryIdMap: { 10: true, 2: true } }],
  ['no category filter', { categoryIdMap: null }, { categoryIdMap: { 1: false, 2: false } }],
  ['an empty category filter', { categoryIdMap: {} }, { categoryIdMap: null }],
  ['the same policy', A_POLICY, { ...A_POLICY, retrySchedule: [5_000, 60_000] }],
  [
    'headers in another order and case',
    { headers: { 'X-A': '1', 'X-B': '2' } },
    { headers: { 'x-b': '2', 'x-a': '1' } },
  ],
];

const SIMILAR: [string, Changes][] = [
  ['another name', { name: 'Crm' }],
  ['no name', { name: null }],
  ['one type more', { eventTypeMap: { ...BASE.eventTypeMap, CLICKED: true } }],
  ['one type less', { eventTypeMap: { SENT: true } }],
  ['all types', { eventTypeMap: null }],
  ['one category more', { categoryIdMap: { ...BASE.categoryIdMap, 3: true } }],
  ['no category filter', { categoryIdMap: null }],
  ['another type of webhook', { webhookType: null }],
  ['another retry schedule', { retrySchedule: [] }],
  ['another timeout', { timeoutMs: 2_000 }],
  ['another concurrency', { concurrency: 2 }],
  ['another rate limit', { rateLimit: 2 }],
  ['headers', { headers: { 'X-A': '1' } }],
  ['another ordering', { ordering: 'lead' }],
];

const OTHER: [string, Changes][] = [
  ['another campaign', { targetId: 124 }],
  ['a client of that id', { association: CLIENT_LEVEL }],
  ['user level', { association: USER_LEVEL, targetId: null }],
  ['another path', { url: 'https://example.com/a/Hook' }],
  ['a slash more', { url: 'https://example.com/a/hook/' }],
  ['a query', { url: 'https://example.com/a/hook?b=1' }],
  ['another scheme', { url: 'http://example.com/a/hook' }],
  ['another port', { url: 'https://example.com:8443/a/hook' }],
];

export function similarWebhooks(opened: TestStore): void {
  describe('a webhook made a second time', () => {
    for (const [what, first, second] of SAME) {
      it(`is the one that exists: ${what}`, async () => {
        for (const [one, other] of [
          [first, second],
          [second, first],
        ]) {
          const account = await TestAccount.create(opened);
          const webhook = await account.webhook({ ...BASE, ...one });
          const given = aWebhook(account.id, { ...BASE, ...other });
          const again = await account.store.createWebhook(given, false);
          assert.deepEqual(again, { kind: 'existing', webhook, targetHasEvents: false });
          assert.equal(await account.version(), webhook.version);
          assert.deepEqual((await account.snapshot()).webhooks, [webhook]);
        }
      });
    }

    it('is not made where a similar one differs', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook(BASE);
      for (const [what, changes] of SIMILAR) {
        const result = await store.createWebhook(aWebhook(id, { ...BASE, ...changes }), false);
        assert.deepEqual(result, { kind: 'similar', webhook }, what);
      }
      assert.equal(await account.version(), webhook.version);
      assert.deepEqual((await account.snapshot()).webhooks, [webhook]);
    });

    it('is another one where its target or its URL is', async () => {
      const account = await TestAccount.create(opened);
      await account.webhook(BASE);
      for (const [what, changes] of OTHER) {
        const given = aWebhook(account.id, { ...BASE, ...changes });
        const result = await account.store.createWebhook(given, false);
        assert.equal(result.kind, 'created', what);
      }
      const elsewhere = await TestAccount.create(opened);
      const result = await elsewhere.store.createWebhook(aWebhook(elsewhere.id, BASE), false);
      assert.equal(result.kind, 'created', 'in another account');
    });

    it('is made all the same where it is forced', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook(BASE);
      const forced = await account.store.createWebhook(aWebhook(account.id, BASE), true);
      assert.ok(forced.kind === 'created' && forced.webhook.id !== webhook.id);
      assert.equal(forced.webhook.version, webhook.version + 1);
    });

    it('is found among several similar ones', async () => {
      const account = await TestAccount.create(opened);
      const names = ['first', 'second', 'third'];
      for (const name of names) await account.webhook({ ...BASE, name });
      const given = aWebhook(account.id, { ...BASE, name: 'second' });
      const result = await account.store.createWebhook(given, false);
      assert.deepEqual([result.kind, result.webhook.name], ['existing', 'second']);
    });

    it('is compared with what the other one is now', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook(BASE);
      const url = 'https://example.com/moved';
      const moved = await store.updateWebhook(id, webhook.id, { url, name: 'moved' });
      const again = await store.createWebhook(aWebhook(id, { ...BASE, url, name: 'moved' }), false);
      assert.deepEqual([again.kind, again.webhook], ['existing', moved]);
      const old = await store.createWebhook(aWebhook(id, BASE), false);
      assert.equal(old.kind, 'created');
    });

    it('is compared with disabled ones, not with deleted ones', async () => {
      const account = await TestAccount.create(opened);
      const { store, id } = account;
      const webhook = await account.webhook(BASE);
      const { attempt, next } = answered410();
      const gone = { attempt: { ...attempt, url: webhook.url }, next };
      await account.record(await account.accept([webhook]), webhook, gone);
      const again = await store.createWebhook(aWebhook(id, BASE), false);
      assert.deepEqual([again.kind, again.webhook.status], ['existing', 'disabled']);
      await store.deleteWebhook(id, webhook.id);
      const made = await store.createWebhook(aWebhook(id, BASE), false);
      assert.ok(made.kind === 'created' && made.webhook.id !== webhook.id);
    });

    it('is made once where many ask for it at the same time', async () => {
      const account = await TestAccount.create(opened);
      const results = await Promise.all(
        Array.from({ length: 8 }, () =>
          account.store.createWebhook(aWebhook(account.id, BASE), false),
        ),
      );
      const kinds = results.map(({ kind }) => kind).toSorted();
      assert.deepEqual(kinds, ['created', ...Array(7).fill('existing')]);
      assert.equal(new Set(results.map(({ webhook }) => webhook.id)).size, 1);
    });
  });

  describe('whether a webhook’s target has had an event', () => {
    const scopes: [string, Changes, boolean, boolean][] = [
      ['user level', { association: USER_LEVEL, targetId: null }, true, true],
      ['a client', { association: CLIENT_LEVEL, targetId: 5 }, false, true],
      ['a campaign', { association: CAMPAIGN_LEVEL, targetId: 123 }, false, true],
      [
        'a campaign with the client’s id',
        { association: CAMPAIGN_LEVEL, targetId: 5 },
        false,
        false,
      ],
      [
        'a client with the campaign’s id',
        { association: CLIENT_LEVEL, targetId: 123 },
        false,
        false,
      ],
    ];
    for (const [what, scope, before, after] of scopes) {
      it(`is told of ${what}`, async () => {
        const account = await TestAccount.create(opened);
        const other = await TestAccount.create(opened);
        await other.accept([], { campaignId: 123, clientId: 5 });
        const create = async (): Promise<unknown[]> => {
          const result = await account.store.createWebhook(aWebhook(account.id, scope), false);
          return [result.kind, 'targetHasEvents' in result && result.targetHasEvents];
        };
        assert.deepEqual(await create(), ['created', before]);
        await account.accept([], { campaignId: 123, clientId: 5 });
        assert.deepEqual(await create(), ['existing', after]);
      });
    }
  });
}
