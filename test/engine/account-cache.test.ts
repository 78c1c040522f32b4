import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { AccountCache, type CachedAccount } from '../../src/catalog/account-cache.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { AccountSnapshot } from '../../src/store/store.ts';
import { NO_POLICY } from '../../src/domain/webhook-policy.ts';

let directory: string;
let store: SqliteStore;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'posthorn-cache-'));
  store = await SqliteStore.open(join(directory, 'posthorn.db'), 'node');
});
after(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const CAMPAIGNS = [1, 2];

/** A change of the store, and what its caller tells the cache afterwards, whenever it gets to it. */
type Tell = (cache: AccountCache) => void;

async function createWebhook(accountId: number): Promise<{ webhook: Webhook; tell: Tell }> {
  const { webhook } = await store.createWebhook(
    {
      accountId,
      association: 1,
      targetId: null,
      name: null,
      url: 'https://example.com/',
      eventTypeMap: null,
      categoryIdMap: null,
      webhookType: null,
      ...NO_POLICY,
      secret: 'whsec_AAAA',
    },
    true,
  );
  return { webhook, tell: (cache) => cache.webhookChanged(webhook) };
}

async function declare(accountId: number, id: number, clientId: number | null): Promise<Tell> {
  const fields = { name: 'c', clientId, status: null };
  const { campaign, version } = await store.declareCampaign(accountId, id, fields);
  return (cache) => cache.campaignDeclared(accountId, version, id, campaign.clientId);
}

async function deleteWebhook(accountId: number, id: number): Promise<Tell> {
  const webhook = await store.deleteWebhook(accountId, id);
  return (cache) => webhook && cache.webhookChanged(webhook);
}

/** A copy is what the account was at the copy's version: neither more nor less. */
function assertTrue(copy: CachedAccount | undefined, truths: readonly AccountSnapshot[]): void {
  if (!copy) return;
  const truth = truths.find(({ version }) => version === copy.version);
  assert.ok(truth, `version ${copy.version} was never`);
  const ids = new Set(truths.flatMap(({ webhooks }) => webhooks.map(({ id }) => id)));
  for (const id of ids) {
    const webhook: Webhook | undefined = truth.webhooks.find((each) => each.id === id);
    assert.deepEqual(copy.webhooks.get(id), webhook, `webhook ${id} at version ${copy.version}`);
  }
  for (const id of CAMPAIGNS) {
    const client: number | null = truth.campaignClients.get(id) ?? null;
    assert.equal(copy.clientOf({ clientId: null, campaignId: id }), client, `campaign ${id}`);
  }
}

describe('the account in memory', () => {
  it('does not miss a webhook whose maker is told after an unchanged declaration', async () => {
    const accountId = await store.createAccount('one');
    await declare(accountId, 1, 7);
    const cache = new AccountCache(store);
    await cache.load(accountId);
    const { webhook, tell } = await createWebhook(accountId);
    (await declare(accountId, 1, 7))(cache);
    (await declare(accountId, 2, null))(cache);
    assert.equal(cache.get(accountId)?.version, webhook.version - 1, 'not at its version yet');
    tell(cache);
    assert.deepEqual(cache.get(accountId)?.webhooks.get(webhook.id), webhook);
    assert.equal(cache.get(accountId)?.version, webhook.version);
  });

  it('takes changes over one by one, without reading again', async () => {
    const accountId = await store.createAccount('one');
    const cache = new AccountCache(store);
    const copy = await cache.load(accountId);
    const { webhook, tell } = await createWebhook(accountId);
    tell(cache);
    for (const client of [7, 7, 8]) (await declare(accountId, 1, client))(cache);
    (await deleteWebhook(accountId, webhook.id))(cache);
    assert.equal(cache.get(accountId), copy);
    assert.equal(copy.version, 4);
    assert.equal(copy.clientOf({ clientId: null, campaignId: 1 }), 8);
    assert.equal(copy.webhooks.get(webhook.id), undefined);
  });

  it('is true to its version in whatever order it is told of changes', async () => {
    const change = fc.oneof(
      fc.constant('create' as const),
      fc.constant('delete' as const),
      fc.record({
        campaign: fc.constantFrom(...CAMPAIGNS),
        client: fc.constantFrom(null, 7, 8),
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 2, maxLength: 8 }),
        fc.nat(3),
        fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
        async (changes, loadedAfter, order) => {
          const accountId = await store.createAccount('one');
          const cache = new AccountCache(store);
          const truths = [await store.account(accountId)];
          const tells: Tell[] = [];
          for (const [i, made] of changes.entries()) {
            if (i === loadedAfter) await cache.load(accountId);
            if (made === 'create') tells.push((await createWebhook(accountId)).tell);
            else if (made === 'delete') {
              const [webhook] = truths.at(-1)?.webhooks ?? [];
              if (webhook) tells.push(await deleteWebhook(accountId, webhook.id));
            } else tells.push(await declare(accountId, made.campaign, made.client));
            truths.push(await store.account(accountId));
          }
          for (const place of order) {
            const [tell] = tells.splice(place % Math.max(tells.length, 1), 1);
            tell?.(cache);
            assertTrue(cache.get(accountId), truths);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
