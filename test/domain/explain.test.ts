import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { explain } from '../../src/domain/explain.ts';
import { NO_CAMPAIGN } from '../../src/domain/event.ts';
import { MISMATCH_REASONS, type Matchable } from '../../src/domain/match.ts';
import type { Subscription, Webhook } from '../../src/domain/webhook.ts';
import { WebhookIndex } from '../../src/domain/webhook-index.ts';
import { PLAIN } from './plain-webhook.ts';
import { event, plainReason, webhook } from './random-webhooks.ts';

interface MatchedEvent {
  readonly event: Matchable;
  readonly version: number;
  readonly matched: ReadonlySet<number>;
}

/** An account as intake has it, and beside it all that its webhooks have ever been. */
class History {
  readonly events: MatchedEvent[] = [];
  readonly #index = new WebhookIndex();
  readonly #versions = new Map<number, Webhook[]>();
  #version = 0;

  get webhooks(): number[] {
    return [...this.#versions.keys()];
  }

  change(to: Webhook): void {
    this.#version += 1;
    const webhook = { ...to, version: this.#version };
    this.#index.put(webhook);
    this.#versions.set(to.id, [...(this.#versions.get(to.id) ?? []), webhook]);
  }

  accept(event: Matchable): void {
    const matched = new Set(this.#index.match(event).map(({ id }) => id));
    this.events.push({ event, version: this.#version, matched });
  }

  at(webhook: number, version: number): Webhook | null {
    const versions = this.#versions.get(webhook) ?? [];
    return versions.findLast((then) => then.version <= version) ?? null;
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('change' as const), webhook }),
  fc.record({ kind: fc.constant('event' as const), event }),
);

const OPEN: Subscription = PLAIN;
const E: Matchable = { type: 'REPLIED', campaignId: 9, clientId: null, categoryId: null };

describe('explaining', () => {
  it('never disagrees with matching, whatever webhooks were made, changed and deleted since', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const history = new History();
        for (const each of steps) {
          if (each.kind === 'change') history.change(each.webhook);
          else history.accept(each.event);
        }
        for (const { event, version, matched } of history.events) {
          for (const id of history.webhooks) {
            const then = history.at(id, version);
            const { reason } = explain(event, then);
            assert.equal(reason === null, matched.has(id));
            assert.equal(reason, plainReason(event, then));
            seen.add(reason ?? 'matched');
          }
        }
      }),
      { numRuns: 500 },
    );
    assert.deepEqual(seen, new Set(['matched', ...MISMATCH_REASONS]), 'every answer came up');
  });

  const cases: [Partial<Subscription> | null, Partial<Matchable>, string][] = [
    [{}, {}, 'The webhook is for every campaign and takes REPLIED events.'],
    [
      { association: 3, targetId: 9, categoryIdMap: { 5: true, 6: true } },
      { categoryId: 5 },
      'The webhook is for campaign 9 and takes REPLIED events in category 5.',
    ],
    [
      { association: 2, targetId: 7, status: 'paused' },
      { clientId: 7 },
      'The webhook is for client 7 and takes REPLIED events; it was paused, so the delivery had to wait.',
    ],
    [null, {}, 'The webhook was made after the event was accepted.'],
    [{ status: 'deleted' }, {}, 'The webhook had been deleted before the event was accepted.'],
    [{ status: 'disabled' }, {}, 'The webhook was disabled when the event was accepted.'],
    [
      { association: 2, targetId: 7 },
      { clientId: 8 },
      'The webhook is for client 7; the event is of client 8.',
    ],
    [
      { association: 2, targetId: 7 },
      {},
      'The webhook is for client 7; the event is of none: it named none, and campaign 9 had none then.',
    ],
    [
      { association: 3, targetId: 7 },
      {},
      'The webhook is for campaign 7; the event is of campaign 9.',
    ],
    [
      { eventTypeMap: { SENT: true } },
      {},
      'The webhook takes SENT events only; the event is of type REPLIED.',
    ],
    [
      { eventTypeMap: { CLICKED: true, REPLIED: false, OPENED: true, SENT: true } },
      {},
      'The webhook takes SENT, OPENED and CLICKED events only; the event is of type REPLIED.',
    ],
    [
      {},
      { type: 'WEBHOOK_FAILING' },
      'The webhook takes the event types about campaigns only; the event is of type WEBHOOK_FAILING.',
    ],
    [
      { eventTypeMap: { REPLIED: false } },
      {},
      'The webhook takes no event type; the event is of type REPLIED.',
    ],
    [
      { eventTypeMap: { WEBHOOK_FAILING: true } },
      { type: 'WEBHOOK_FAILING', aboutWebhookId: OPEN.id },
      'The event is about the webhook itself, which gets none of those.',
    ],
    [
      { association: 3, targetId: 7, eventTypeMap: { WEBHOOK_FAILING: true } },
      { type: 'WEBHOOK_FAILING', aboutWebhookId: OPEN.id + 1, campaignId: NO_CAMPAIGN },
      'The webhook is for campaign 7; the event is of none.',
    ],
    [
      { association: 2, targetId: 7, eventTypeMap: { WEBHOOK_FAILING: true } },
      { type: 'WEBHOOK_FAILING', aboutWebhookId: OPEN.id + 1, campaignId: NO_CAMPAIGN },
      'The webhook is for client 7; the event is of none.',
    ],
    [
      { categoryIdMap: { 5: true } },
      { categoryId: 4 },
      'The webhook takes events in category 5 only; the event is in category 4.',
    ],
    [
      { categoryIdMap: { 10: true, 5: true, 4: false } },
      {},
      'The webhook takes events in categories 5 and 10 only; the event is in none.',
    ],
  ];
  for (const [webhook, event, sentence] of cases) {
    it(`says: ${sentence}`, () => {
      const then = webhook && { ...OPEN, ...webhook };
      assert.equal(explain({ ...E, ...event }, then).sentence, sentence);
    });
  }

  it('names ten categories at most', () => {
    const wanted = Array.from({ length: 3_000 }, (_, i) => [`${i + 1}`, true]);
    const then = { ...OPEN, categoryIdMap: Object.fromEntries(wanted) };
    assert.equal(
      explain(E, then).sentence,
      'The webhook takes events in categories 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2990 more only; ' +
        'the event is in none.',
    );
  });
});
