import { setTimeout as passed } from 'node:timers/promises';
import type { LeadOrder } from './event-body.ts';
import { KeepAliveClient, RequestTemplate, type Target } from './keep-alive-client.ts';
import { Counter, type Tally } from './tally.ts';

/** The last answers are waited for so long; one that is missing then makes the run void. */
export const LAST_ANSWERS_MS = 30_000;

/** Every client posts its next request when the last one was answered. */
export interface ClosedLoop {
  readonly kind: 'closed';
  readonly target: Target;
  readonly campaignId: number;
  readonly clients: number;
  /** With more than one they go as a list. */
  readonly eventsPerRequest: number;
  readonly leads: LeadOrder;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface ClosedLoopReport extends Tally {
  /** The window measured, in milliseconds since 1970: after the warm-up, before the last answers. */
  readonly from: number;
  readonly to: number;
  readonly acceptedInWindow: number;
  /** From the start to the window's end. */
  readonly acceptedByEnd: number;
}

export async function runClosedLoop(
  order: ClosedLoop,
  firstNumber: number,
): Promise<ClosedLoopReport> {
  const counter = new Counter(firstNumber);
  const { target, campaignId, eventsPerRequest, leads } = order;
  const template = new RequestTemplate(target, campaignId, eventsPerRequest, leads);
  const nextNumber = (): number => counter.next();
  const allAnswered = Promise.withResolvers<void>();
  let ending = false;
  const post = (client: KeepAliveClient): void => {
    if (!ending && client.open) client.send(template.request(nextNumber));
  };
  const onAnswer = (client: KeepAliveClient, status: number): void => {
    counter.answered(status, eventsPerRequest);
    post(client);
    if (counter.unanswered === 0) allAnswered.resolve();
  };
  const clients = await Promise.all(
    Array.from({ length: order.clients }, () => KeepAliveClient.open(target.origin, onAnswer)),
  );
  clients.forEach(post);
  await passed(order.warmUpMs);
  const before = { at: Date.now(), accepted: counter.accepted };
  await passed(order.measureMs);
  const after = { at: Date.now(), accepted: counter.accepted };
  ending = true;
  if (counter.unanswered > 0) {
    await Promise.race([allAnswered.promise, passed(LAST_ANSWERS_MS)]);
  }
  for (const client of clients) client.close();
  return {
    ...counter.tally,
    from: before.at,
    to: after.at,
    acceptedInWindow: after.accepted - before.accepted,
    acceptedByEnd: after.accepted,
  };
}
