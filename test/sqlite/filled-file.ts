import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventIdMaker } from '../../src/domain/ids.ts';
import type { PendingDelivery } from '../../src/domain/delivery.ts';
import { shardOf } from '../../src/domain/shard.ts';
import type { NewWebhook } from '../../src/domain/webhook.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { AcceptEntry, RecordEntry } from '../../src/store/store.ts';
import { NO_POLICY } from '../../src/domain/webhook-policy.ts';

/** The time of the first event; each is a second after the one before. */
export const FIRST_EVENT_AT = Date.parse('2026-01-01T00:00:00Z');
export const EVENTS = 240;

const OPEN: Omit<NewWebhook, 'accountId'> = {
  association: 1,
  targetId: null,
  name: null,
  url: 'https://example.com/',
  eventTypeMap: null,
  categoryIdMap: null,
  webhookType: null,
  ...NO_POLICY,
  secret: 'whsec_AAAA',
};

/**
 * A database as the store leaves it: two accounts with webhooks of all scopes, one of them deleted,
 * and deliveries of every status, spread over campaigns, clients, leads and event types.
 */
export async function filledFile(): Promise<AsyncDisposable & { readonly file: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'posthorn-sqlite-'));
  const file = join(directory, 'posthorn.db');
  await using store = await SqliteStore.open(file, 'node');
  for (const name of ['one', 'two']) await fillAccount(store, await store.createAccount(name));
  return {
    file,
    [Symbol.asyncDispose]: async () => rm(directory, { recursive: true, force: true }),
  };
}

async function fillAccount(store: SqliteStore, accountId: number): Promise<void> {
  const webhooks: number[] = [];
  for (const scope of [
    {},
    { association: 3 as const, targetId: 1 },
    { association: 2 as const, targetId: 2 },
    { association: 3 as const, targetId: 2, eventTypeMap: { SENT: true } },
  ]) {
    const made = await store.createWebhook({ ...OPEN, accountId, ...scope }, true);
    webhooks.push(made.webhook.id);
  }
  await store.declareCampaign(accountId, 1, { name: 'c', clientId: 1, status: null });
  await store.declareCampaign(accountId, 2, { name: 'd', clientId: null, status: null });
  await store.commit({ records: [], accepts: await accepts(store, accountId, webhooks) });
  await endSome(store, webhooks);
  const last = webhooks.at(-1) ?? 0;
  await store.deleteWebhook(accountId, last);
  while ((await store.cancelPending(last, 20)) > 0);
}

async function accepts(
  store: SqliteStore,
  accountId: number,
  webhooks: readonly number[],
): Promise<AcceptEntry[]> {
  const { version } = await store.account(accountId);
  let time = FIRST_EVENT_AT;
  const newEventId = eventIdMaker(() => time);
  return Array.from({ length: EVENTS }, (_, i) => {
    time = FIRST_EVENT_AT + i * 1_000;
    const event = {
      id: newEventId(),
      accountId,
      callerEventId: i % 7 === 0 ? `mine-${i}` : null,
      type: i % 3 === 0 ? ('REPLIED' as const) : ('SENT' as const),
      campaignId: 1 + (i % 4),
      clientId: [null, 1, 2][i % 3] ?? null,
      leadEmail: i % 5 === 0 ? null : `Lead${i % 6}@a.example`,
      categoryId: null,
      body: '{}',
    };
    const matched = webhooks.filter((_, w) => (i + w) % 3 !== 0);
    const deliveries = matched.map((webhookId) => ({ webhookId, webhookVersion: 1 }));
    return { event, accountVersion: version, deliveries };
  });
}

/** Most deliveries succeed, some are exhausted, some stay pending. */
async function endSome(store: SqliteStore, webhooks: readonly number[]): Promise<void> {
  const leases = await store.claimShards(webhooks.map(shardOf));
  for (const webhookId of webhooks) {
    const lease = leases.find(({ shard }) => shard === shardOf(webhookId));
    if (!lease) throw new Error(`No lease for webhook ${webhookId}`);
    const { deliveries } = await store.due(webhookId, Date.now(), EVENTS);
    const records = deliveries
      .filter((_, i) => i % 6 !== 0)
      .map((delivery, i) => ended(delivery, lease, i % 4 === 0 ? 'exhausted' : 'succeeded'));
    await store.commit({ records, accepts: [] });
  }
}

function ended(
  { accountId, eventId, webhookId, webhookVersion, createdAt }: PendingDelivery,
  lease: RecordEntry['lease'],
  status: 'succeeded' | 'exhausted',
): RecordEntry {
  const attempt = {
    number: 1,
    startedAt: FIRST_EVENT_AT,
    durationMs: 1,
    outcome: status === 'succeeded' ? ('delivered' as const) : ('rejected' as const),
    url: OPEN.url,
    signature: 'v1,x',
    userAgent: 'Posthorn/test',
    response: null,
    error: null,
  };
  const delivery = { accountId, eventId, webhookId, webhookVersion, createdAt };
  return { ...delivery, lease, attempt, next: { status } };
}
