import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type pg from 'pg';
import { LONGEST_FAILING } from '../../src/domain/breaker.ts';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import {
  A_POLICY,
  anEvent,
  aWebhook,
  givenUp,
  newEventId,
  deliveryOf,
} from '../contract/examples.ts';
import { testDatabases, withClient } from './test-databases.ts';

/**
 * What a node of the last version says to the tables that this version has changed, word for word: it
 * goes on saying it while the nodes are upgraded one after another.
 */
const LAST_VERSION = {
  insertWebhook: `WITH made AS (
      INSERT INTO webhook (account_id, association, target_id, normalized_url, secret, status,
        version, created_at, updated_at)
      VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, $8) RETURNING id
    ), health AS (
      INSERT INTO webhook_health (webhook_id, seq, consecutive_failures) SELECT id, 0, 0 FROM made
    )
    SELECT id FROM made`,
  insertVersion: `INSERT INTO webhook_version (webhook_id, version, status, name, url, event_type_map,
      category_id_map, webhook_type, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
  updateWebhook: `UPDATE webhook SET normalized_url = $1, status = $2, disabled_reason = $3, version = $4,
      updated_at = $5 WHERE id = $6`,
  selectWebhooks: `SELECT w.id, w.account_id, w.association, w.target_id, w.secret, w.status,
      w.disabled_reason, w.version, w.created_at, w.updated_at, v.name, v.url, v.event_type_map,
      v.category_id_map, v.webhook_type
    FROM webhook w JOIN webhook_version v ON v.webhook_id = w.id AND v.version = w.version
    WHERE w.id = ANY ($1::bigint[]) ORDER BY w.id`,
  raiseVersion: 'UPDATE account SET version = version + 1 WHERE id = $1 RETURNING version',
  insertPending: `INSERT INTO queue (account_id, event_id, webhook_id, webhook_version, attempt_count,
      next_attempt_at, created_at) VALUES ($1, $2, $3, $4, 0, $5, $5)`,
  noteHealth: `UPDATE webhook_health h SET seq = h.seq + 1,
      last_success_at = coalesce($2, h.last_success_at),
      last_failure_at = coalesce($3, h.last_failure_at),
      consecutive_failures = $4 + CASE WHEN $2::bigint IS NULL THEN h.consecutive_failures ELSE 0 END
    WHERE webhook_id = $1`,
  insertEvent: `INSERT INTO event (account_id, id, type, campaign_id, client_id, lead_email, lead,
      category_id, account_version, caller_event_id, body)
    VALUES ($1, $2, 'SENT', 1, NULL, 'a@b', 'a@b', NULL, $3, NULL, '{}')`,
};

describe('while nodes are upgraded one after another, the last version', () => {
  it('changes a webhook and leaves its policy and secrets as they are', () =>
    scene(async (store, old, accountId) => {
      const given = aWebhook(accountId, A_POLICY);
      const { webhook } = await store.createWebhook(given, true);
      const rotated = await store.rotateSecret(accountId, webhook.id, 'whsec_AAAA', 3_600_000);
      const [{ version }] = await old(LAST_VERSION.raiseVersion, [accountId]);
      const url = 'https://example.com/renamed';
      await old(LAST_VERSION.updateWebhook, [url, 'active', null, version, 5, webhook.id]);
      const values = [webhook.id, version, 'active', 'renamed', url, null, null, null, 5];
      await old(LAST_VERSION.insertVersion, values);
      assert.deepEqual((await store.webhook(accountId, webhook.id))?.webhook, {
        ...rotated?.webhook,
        name: 'renamed',
        url,
        version: Number(version),
        updatedAt: 5,
      });
    }));

  it('makes webhooks without a policy, and reads those that have one', () =>
    scene(async (store, old, accountId) => {
      const [{ version }] = await old(LAST_VERSION.raiseVersion, [accountId]);
      const url = 'https://example.com/old';
      const values = [accountId, 1, null, url, 'whsec_AAAA', version, 1, 1];
      const [{ id }] = await old(LAST_VERSION.insertWebhook, values);
      await old(LAST_VERSION.insertVersion, [
        id,
        version,
        'active',
        null,
        url,
        null,
        null,
        null,
        1,
      ]);
      const { webhook } = await store.createWebhook(aWebhook(accountId, A_POLICY), true);
      await store.moveWebhook(accountId, webhook.id, 'pause');
      const [made, read] = await old(LAST_VERSION.selectWebhooks, [[id, webhook.id]]);
      assert.equal(made?.['url'], url);
      assert.equal(read?.['status'], 'paused', 'and sends nothing to it');
      assert.partialDeepStrictEqual((await store.webhook(accountId, Number(id)))?.webhook, {
        ...aWebhook(accountId, { url, secret: 'whsec_AAAA' }),
        previousSecret: null,
      });
    }));

  it('records successes, after which nothing holds of what had failed before', () =>
    scene(async (store, old, accountId) => {
      const { webhook } = await store.createWebhook(aWebhook(accountId), true);
      const shards = [webhook.id % 64];
      const leases = await store.claimShards(shards);
      const fails = async (time: number): Promise<void> => {
        const event = anEvent(accountId);
        const accountVersion = webhook.version;
        const deliveries = [{ webhookId: webhook.id, webhookVersion: accountVersion }];
        await store.commit({ records: [], accepts: [{ event, accountVersion, deliveries }] });
        const [lease] = leases;
        assert.ok(lease);
        const { attempt, next } = givenUp();
        const key = { ...deliveryOf(event, webhook), lease };
        const at = { ...attempt, startedAt: time - attempt.durationMs };
        const mark = { open: { probeAt: 99_000, failedProbes: 1 }, disableReason: 'Too long.' };
        const { disabled } = await store.commit({
          records: [{ ...key, attempt: at, next, mark }],
          accepts: [],
        });
        assert.deepEqual(disabled, []);
      };
      await fails(1_000);
      assert.equal((await store.failing(shards)).length, 1);
      await old(LAST_VERSION.noteHealth, [webhook.id, 2_000, null, 0]);
      const shown = async () => (await store.webhook(accountId, webhook.id))?.health;
      assert.deepEqual([await store.failing(shards), (await shown())?.nextProbeAt], [[], null]);
      await old(LAST_VERSION.noteHealth, [webhook.id, null, 3_000, 1]);
      assert.deepEqual([await store.failing(shards), (await shown())?.nextProbeAt], [[], null]);
      await fails(3_000 + LONGEST_FAILING);
      const [failing] = await store.failing(shards);
      assert.partialDeepStrictEqual(failing, { since: 3_000 + LONGEST_FAILING, failures: 2 });
    }));

  it('accepts deliveries that this version sends', () =>
    scene(async (store, old, accountId) => {
      for (const ordering of ['none', 'lead'] as const) {
        const { webhook } = await store.createWebhook(aWebhook(accountId, { ordering }), true);
        const eventId = newEventId();
        const uuid = eventId.slice(4);
        // So that the day of the event has its partition.
        await store.commit({
          records: [],
          accepts: [{ event: anEvent(accountId), accountVersion: webhook.version, deliveries: [] }],
        });
        await old(LAST_VERSION.insertEvent, [accountId, uuid, webhook.version]);
        const values = [accountId, uuid, webhook.id, webhook.version, 1];
        await old(LAST_VERSION.insertPending, values);
        const { deliveries } = await store.due(webhook.id, 2, 10);
        assert.deepEqual(
          deliveries.map((delivery) => delivery.eventId),
          [eventId],
        );
      }
    }));
});

type Rows = [Record<string, unknown>, ...Record<string, unknown>[]];

async function scene(
  work: (
    store: PostgresStore,
    old: (sql: string, values: unknown[]) => Promise<Rows>,
    accountId: number,
  ) => Promise<void>,
): Promise<void> {
  await using database = await (await testDatabases()).fresh();
  await using store = await PostgresStore.open(database.url, 'a node');
  const accountId = await store.createAccount('An account');
  await withClient(database.url, async (client: pg.Client) => {
    await work(
      store,
      async (sql, values) => (await client.query(sql, values)).rows as Rows,
      accountId,
    );
  });
}
