import assert from 'node:assert/strict';
import { countRedo } from '../../src/catalog/count-redo.ts';
import type { AcceptedEvent } from '../../src/domain/event.ts';
import { acceptedAt, type EventId } from '../../src/domain/ids.ts';
import type { NewRedo, Redo } from '../../src/domain/redo.ts';
import type { Webhook } from '../../src/domain/webhook.ts';
import type { RedoStep } from '../../src/store/redo-store.ts';
import type { DuePage } from '../../src/store/store.ts';
import type { Ending } from './examples.ts';
import type { TestAccount } from './test-account.ts';

export const HOUR = 3_600_000;

/** A replay of what is exhausted, of the last hour, if nothing else is said. */
export function aReplay(webhook: Webhook, more: Partial<NewRedo> = {}): NewRedo {
  const { accountId, id: webhookId } = webhook;
  const [from, to] = [Date.now() - HOUR, Date.now() + HOUR];
  return { accountId, webhookId, kind: 'replay', from, to, statuses: ['exhausted'], ...more };
}

export function aBackfill(webhook: Webhook, more: Partial<NewRedo> = {}): NewRedo {
  return aReplay(webhook, { kind: 'backfill', statuses: [], ...more });
}

/** Asked for and counted, and nothing done of it. */
export async function asked(account: TestAccount, redo: NewRedo): Promise<Redo> {
  const created = await account.store.createRedo(redo);
  assert.equal(created?.kind, 'created');
  const count = await countRedo(account.store, created.redo);
  await account.store.startRedo(created.redo.id, count);
  return { ...created.redo, count };
}

export async function state(account: TestAccount, { id }: Redo): Promise<Redo> {
  const redo = await account.store.redo(account.id, id);
  assert.ok(redo, 'there is no such redo');
  return redo;
}

/** Steps to the end, with something between them. A redo that goes on for ever is to fail. */
export async function stepped(
  account: TestAccount,
  redo: Redo,
  between: (step: RedoStep) => Promise<void> = () => Promise.resolve(),
  slots?: number,
): Promise<Redo> {
  for (let steps = 0; steps < 1_000; steps += 1) {
    const step = await account.store.stepRedo(redo, slots);
    if (step.ended) return state(account, redo);
    await between(step);
  }
  return assert.fail('the redo does not end');
}

export async function accepted(
  account: TestAccount,
  webhooks: readonly Webhook[],
  many: number,
): Promise<AcceptedEvent[]> {
  const events: AcceptedEvent[] = [];
  for (let i = 0; i < many; i += 1) events.push(await account.accept(webhooks));
  return events;
}

export async function ended(
  account: TestAccount,
  webhook: Webhook,
  many: number,
  ending: Ending,
): Promise<AcceptedEvent[]> {
  const events = await accepted(account, [webhook], many);
  for (const event of events) {
    assert.equal(await account.record(event, webhook, ending), 'recorded');
  }
  return events;
}

export function due(account: TestAccount, { id }: Webhook): Promise<DuePage> {
  return account.store.due(id, Date.now() + 1_000, 1_000);
}

export async function pendingIds(account: TestAccount, webhook: Webhook): Promise<EventId[]> {
  const pending = await account.deliveries({ webhookId: webhook.id, status: 'pending' });
  return pending.map(({ eventId }) => eventId).toReversed();
}

export const idsOf = (events: readonly AcceptedEvent[]): EventId[] => events.map(({ id }) => id);

/** Waits until the clock has gone on: events from then on are accepted later. */
export async function nextMillisecond(after: AcceptedEvent): Promise<number> {
  while (Date.now() <= acceptedAt(after.id)) await new Promise((resolve) => setImmediate(resolve));
  return Date.now();
}
