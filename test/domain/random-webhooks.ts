import fc from 'fast-check';
import { CAMPAIGN_EVENT_TYPES, NO_CAMPAIGN } from '../../src/domain/event.ts';
import type { Matchable, MismatchReason } from '../../src/domain/match.ts';
import type {
  AssociationType,
  Subscription,
  Webhook,
  WebhookStatus,
} from '../../src/domain/webhook.ts';
import { PLAIN } from './plain-webhook.ts';

// Few ids, so that scopes, types and categories meet often.
export const smallId = fc.integer({ min: 1, max: 3 });
const type = fc.constantFrom('SENT', 'REPLIED', 'CAMPAIGN_STATUS_CHANGED', 'WEBHOOK_FAILING');
const boolean = fc.boolean();

export const event: fc.Arbitrary<Matchable> = fc.oneof(
  fc.record({
    type,
    campaignId: smallId,
    clientId: fc.option(smallId),
    categoryId: fc.option(smallId),
  }),
  fc.record({
    type: fc.constant('WEBHOOK_FAILING' as const),
    campaignId: fc.oneof(smallId, fc.constant(NO_CAMPAIGN)),
    clientId: fc.option(smallId),
    categoryId: fc.constant(null),
    aboutWebhookId: fc.integer({ min: 1, max: 12 }),
  }),
);

export const webhook: fc.Arbitrary<Webhook> = fc
  .record({
    id: fc.integer({ min: 1, max: 12 }),
    association: fc.constantFrom<AssociationType>(1, 2, 3),
    target: smallId,
    eventTypeMap: fc.option(fc.dictionary(type, boolean, { minKeys: 1 })),
    categoryIdMap: fc.option(
      fc.dictionary(
        smallId.map((id) => String(id)),
        boolean,
      ),
    ),
    status: fc.constantFrom<WebhookStatus>('active', 'active', 'paused', 'disabled', 'deleted'),
  })
  .map(({ target, ...rest }) => {
    const targetId = rest.association === 1 ? null : target;
    return { ...PLAIN, ...rest, targetId };
  });

/**
 * The reasons as api.md tells them, in its own order and words, and the first that is true: nothing
 * shared with the code.
 */
export function plainReason(e: Matchable, w: Subscription | null): MismatchReason | null {
  if (w === null) return 'created_later';
  const types: readonly string[] = w.eventTypeMap
    ? Object.keys(w.eventTypeMap).filter((key) => w.eventTypeMap?.[key])
    : CAMPAIGN_EVENT_TYPES;
  const categories = Object.keys(w.categoryIdMap ?? {}).filter((key) => w.categoryIdMap?.[key]);
  const reasons: [MismatchReason, boolean][] = [
    ['deleted', w.status === 'deleted'],
    ['disabled', w.status === 'disabled'],
    ['other_client', w.association === 2 && (e.clientId === null || w.targetId !== e.clientId)],
    ['other_campaign', w.association === 3 && w.targetId !== e.campaignId],
    ['event_type_not_subscribed', !types.includes(e.type)],
    ['about_itself', w.id === e.aboutWebhookId],
    ['category_filtered', categories.length > 0 && !categories.includes(String(e.categoryId))],
  ];
  return reasons.find(([, holds]) => holds)?.[0] ?? null;
}
