import { setTimeout as passed } from 'node:timers/promises';
import { monotonicMs } from './clock.ts';
import { LAST_ANSWERS_MS } from './closed-loop.ts';
import { KeepAliveClient, RequestTemplate, type Target } from './keep-alive-client.ts';
import { percentile } from './statistics.ts';
import { ACCEPTED, Counter, type Tally } from './tally.ts';

/** Enough that an event hardly ever waits for a free one: 500 a second at 20 ms each occupy ten. */
const CLIENTS = 128;

/**
 * Events are due at times that are fixed beforehand, whatever becomes of those before them: a server
 * that stalls is charged for every event that was due meanwhile (no coordinated omission).
 */
export interface OpenLoop {
  readonly kind: 'open';
  readonly target: Target;
  /** Campaigns take turns. */
  readonly campaignIds: readonly number[];
  readonly perSecond: number;
  readonly count: number;
}

export interface OpenLoopReport extends Tally {
  /** Of the first event, on the monotonic clock; the others follow at equal distances. */
  readonly firstDueAt: number;
  readonly distanceMs: number;
  /** How late the load itself was, in milliseconds: its own part in what is measured. */
  readonly latenessP99: number;
  /** From when an event was due until it was answered with 202, in milliseconds. */
  readonly acceptedAfter: Float64Array<ArrayBuffer>;
}

export async function runOpenLoop(order: OpenLoop, firstNumber: number): Promise<OpenLoopReport> {
  const counter = new Counter(firstNumber);
  const templates = order.campaignIds.map((id) => new RequestTemplate(order.target, id));
  const distanceMs = 1_000 / order.perSecond;
  const allAnswered = Promise.withResolvers<void>();
  const free: KeepAliveClient[] = [];
  const dueAtOf = new Map<KeepAliveClient, number>();
  const acceptedAfter: number[] = [];
  const onAnswer = (client: KeepAliveClient, status: number): void => {
    counter.answered(status);
    if (status === ACCEPTED) acceptedAfter.push(monotonicMs() - (dueAtOf.get(client) ?? NaN));
    if (client.open) free.push(client);
    if (counter.posted === order.count && counter.unanswered === 0) allAnswered.resolve();
  };
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, () => KeepAliveClient.open(order.target.origin, onAnswer)),
  );
  free.push(...clients);
  const firstDueAt = monotonicMs() + 10;
  const latenesses: number[] = [];
  const postDue = (): void => {
    while (counter.posted < order.count) {
      const dueAt = firstDueAt + counter.posted * distanceMs;
      const late = monotonicMs() - dueAt;
      // In turn: a server may end a connection that it hears nothing from for a minute.
      const client = late >= 0 ? free.shift() : undefined;
      if (!client) return;
      latenesses.push(late);
      dueAtOf.set(client, dueAt);
      const template = templates[counter.posted % templates.length];
      if (template) client.send(template.request(() => counter.next()));
    }
  };
  const timer = setInterval(postDue, 1);
  const lastDueInMs = order.count * distanceMs;
  await Promise.race([allAnswered.promise, passed(lastDueInMs + LAST_ANSWERS_MS)]);
  clearInterval(timer);
  for (const client of clients) client.close();
  return {
    ...counter.tally,
    firstDueAt,
    distanceMs,
    latenessP99: percentile(latenesses, 0.99),
    acceptedAfter: Float64Array.from(acceptedAfter),
  };
}
