import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EVENT_TYPES } from '../../src/domain/event.ts';
import { mismatch, type Matchable } from '../../src/domain/match.ts';
import { WebhookIndex } from '../../src/domain/webhook-index.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import { PLAIN } from './plain-webhook.ts';
import { event, plainReason, webhook } from './random-webhooks.ts';

describe('matching', () => {
  it('is the rule as it is told, for any webhook and event', () => {
    fc.assert(
      fc.property(event, webhook, (e, w) => mismatch(e, w) === plainReason(e, w)),
      { numRuns: 3_000 },
    );
  });

  it('finds by look-up what the rule finds by asking each, also after changes', () => {
    fc.assert(
      fc.property(fc.array(webhook, { maxLength: 30 }), fc.array(event), (changes, events) => {
        const index = new WebhookIndex();
        const current = new Map<number, Webhook>();
        for (const change of changes) {
          index.put(change);
          current.set(change.id, change);
        }
        for (const e of events) {
          const found = index.match(e).map(({ id }) => id);
          const wanted = [...current.values()]
            .filter((w) => plainReason(e, w) === null)
            .map(({ id }) => id);
          assert.deepEqual(new Set(found), new Set(wanted));
          assert.equal(found.length, wanted.length, 'none twice');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('asks six look-ups, not 10,000, of an account with 10,000 webhooks', () => {
    const index = new WebhookIndex();
    let asked = 0;
    for (let id = 1; id <= 10_000; id += 1) {
      const made = { ...PLAIN, id, association: 3 as const, targetId: id };
      index.put({
        ...made,
        get status() {
          asked += 1;
          return 'active' as const;
        },
      });
    }
    asked = 0;
    const found = index.match({ type: 'SENT', campaignId: 77, clientId: 5, categoryId: 1 });
    assert.deepEqual(
      found.map(({ id }) => id),
      [77],
    );
    assert.equal(asked, 0, 'matching looked at webhooks instead of looking them up');
  });

  it('forgets a deleted webhook, so that making and deleting costs no memory', () => {
    const index = new WebhookIndex();
    index.put(PLAIN);
    index.put({ ...PLAIN, status: 'disabled', disabledReason: 'gone' });
    assert.equal(index.get(PLAIN.id)?.status, 'disabled');
    index.put({ ...PLAIN, status: 'deleted' });
    assert.equal(index.get(PLAIN.id), undefined);
    index.put({ ...PLAIN, id: 2, status: 'deleted' });
    assert.equal(index.get(2), undefined, 'also where it was not known before');
  });

  it('finds 200,000 webhooks of one scope', () => {
    const index = new WebhookIndex();
    const eventTypeMap = { SENT: true };
    for (let id = 1; id <= 200_000; id += 1) index.put({ ...PLAIN, id, eventTypeMap });
    const found = index.match({ type: 'SENT', campaignId: 1, clientId: 1, categoryId: 1 });
    assert.equal(found.length, 200_000);
  });

  it('gives the first true reason in the order of the contract', () => {
    const base = PLAIN;
    const e: Matchable = { type: 'SENT', campaignId: 1, clientId: 1, categoryId: 2 };
    const cases: [Partial<Webhook>, string | null][] = [
      [{ status: 'deleted', association: 2, targetId: 9 }, 'deleted'],
      [{ status: 'disabled', association: 2, targetId: 9 }, 'disabled'],
      [{ association: 2, targetId: 9, eventTypeMap: { OPENED: true } }, 'other_client'],
      [{ association: 3, targetId: 9, eventTypeMap: { OPENED: true } }, 'other_campaign'],
      [
        {
          association: 1,
          targetId: null,
          eventTypeMap: { OPENED: true },
          categoryIdMap: { 1: true },
        },
        'event_type_not_subscribed',
      ],
      [
        { association: 1, targetId: null, eventTypeMap: null, categoryIdMap: { 1: true } },
        'category_filtered',
      ],
      [{ association: 1, targetId: null, eventTypeMap: null, categoryIdMap: { 1: false } }, null],
    ];
    for (const [change, reason] of cases) assert.equal(mismatch(e, { ...base, ...change }), reason);
  });

  it('gives operational events only to webhooks whose map names them', () => {
    const base = PLAIN;
    const open = { ...base, association: 1 as const, targetId: null, categoryIdMap: null };
    const e: Matchable = {
      type: 'WEBHOOK_FAILING',
      campaignId: 1,
      clientId: null,
      categoryId: null,
    };
    assert.equal(mismatch(e, { ...open, eventTypeMap: null }), 'event_type_not_subscribed');
    assert.equal(mismatch(e, { ...open, eventTypeMap: { WEBHOOK_FAILING: true } }), null);
    assert.equal(EVENT_TYPES.length, 15);
  });
});
