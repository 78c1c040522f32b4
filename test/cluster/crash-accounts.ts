import assert from 'node:assert/strict';
import { Webhook as Standard } from 'standardwebhooks';
import { deliveryOf, type Registered } from '../e2e/crash-scene.ts';
import type { Received } from '../e2e/receiver.ts';
import type { SentEvent } from './cluster-client.ts';
import type { EndedDelivery, RecordedAttempt, Takeover } from './observer.ts';

/** Deliveries that must be, by delivery id. */
export type Wanted = ReadonlyMap<string, { event: SentEvent; webhook: Registered }>;

/** By the test's own matching, not the server's. */
export function deliveriesWanted(
  sent: readonly SentEvent[],
  webhooks: readonly Registered[],
): Wanted {
  const wanted = new Map<string, { event: SentEvent; webhook: Registered }>();
  for (const event of sent) {
    assert.ok(event.id, `${event.key} was never accepted`);
    for (const webhook of webhooks) {
      if (!webhook.wants(event)) continue;
      wanted.set(`dlv_${event.id.slice(4)}_${webhook.id}`, { event, webhook });
    }
  }
  return wanted;
}

/** Deliveries that were canceled because their webhook was deleted; nothing else may be. */
export function canceledWithTheirWebhooks(
  ended: readonly EndedDelivery[],
  webhooks: readonly { readonly id: number; readonly deleted: boolean }[],
): ReadonlySet<string> {
  const canceled = ended.filter(({ status }) => status === 'canceled');
  const deleted = new Set(webhooks.flatMap(({ id, deleted }) => (deleted ? [String(id)] : [])));
  for (const { delivery } of canceled) {
    assert.ok(deleted.has(delivery.split('_').at(-1) ?? ''), `${delivery} was canceled`);
  }
  return new Set(canceled.map(({ delivery }) => delivery));
}

export function everyAcceptedEventArrived(
  wanted: Wanted,
  received: readonly Received[],
  canceled: ReadonlySet<string>,
): void {
  const arrived = new Set(received.filter(({ status }) => status === 200).map(deliveryOf));
  const lost = [...wanted.keys()].filter((id) => !arrived.has(id) && !canceled.has(id));
  assert.deepEqual(lost, [], 'accepted but never answered with a 2xx');
}

export function nothingElseArrived(
  wanted: Wanted,
  received: readonly Received[],
  webhooks: readonly Registered[],
): void {
  const verifiers = new Map(webhooks.map(({ path, secret }) => [path, new Standard(secret)]));
  const bodies = new Map<string, string>();
  for (const post of received) {
    const match = wanted.get(deliveryOf(post));
    assert.ok(match, `nobody sent in ${deliveryOf(post)}`);
    assert.equal(post.path, match.webhook.path);
    const body = JSON.parse(post.body) as Record<string, unknown>;
    assert.equal(body['note'], `n-${match.event.key}`);
    verifyWhenever(verifiers.get(post.path), post);
    const before = bodies.get(deliveryOf(post)) ?? post.body;
    assert.equal(post.body, before, 'a body differed between two attempts');
    bodies.set(deliveryOf(post), before);
  }
}

/** What a frozen node had begun arrives late: the time is taken as it was. */
function verifyWhenever(standard: Standard | undefined, post: Received): void {
  assert.ok(standard);
  const id = String(post.headers['webhook-id']);
  const signature = standard.sign(id, new Date(beganAt(post)), post.body);
  assert.equal(post.headers['webhook-signature'], signature);
}

export function everythingIsStoredOnce(
  wanted: Wanted,
  events: readonly { id: string; key: string }[],
  ended: readonly EndedDelivery[],
  attempts: readonly RecordedAttempt[],
): void {
  const sent = new Map([...wanted.values()].map(({ event }) => [event.key, event.id]));
  assert.deepEqual(new Map(events.map(({ key, id }) => [key, id])), sent);
  assert.equal(events.length, sent.size);
  assert.deepEqual(new Set(ended.map(({ delivery }) => delivery)), new Set(wanted.keys()));
  assert.equal(ended.length, wanted.size);
  const of = Map.groupBy(attempts, ({ delivery }) => delivery);
  for (const { delivery, status, attemptCount } of ended) {
    const made = of.get(delivery) ?? [];
    const numbers = Array.from({ length: attemptCount }, (_, i) => i + 1);
    const recorded = made.map(({ number }) => number);
    assert.deepEqual(recorded, numbers, delivery);
    const delivered = made.flatMap(({ outcome, number }) =>
      outcome === 'delivered' ? [number] : [],
    );
    // One that was in flight when its webhook was deleted is recorded, and stays canceled.
    if (status === 'canceled' && delivered.length === 0) continue;
    assert.deepEqual(delivered, [attemptCount], delivery);
    if (status !== 'canceled') assert.equal(status, 'succeeded', delivery);
  }
}

/**
 * Attempts recorded by somebody who did not own the shard in that transaction, or by its former owner
 * unseen by the next one, who tried again.
 */
export function recordedByTwoOwners(
  attempts: readonly RecordedAttempt[],
  takeovers: readonly Takeover[],
  canceled: ReadonlySet<string>,
): string[] {
  const found = attempts
    .filter(({ by, owner }) => by !== owner)
    .map(({ delivery, number, by, owner }) => `${delivery}/${number}: ${by}, not ${owner}`);
  const of = new Map(attempts.map((attempt) => [`${attempt.delivery}/${attempt.number}`, attempt]));
  for (const { epoch, pending } of takeovers) {
    for (const [delivery, count] of pending) {
      const next = of.get(`${delivery}/${count + 1}`);
      if (!next && canceled.has(delivery)) continue;
      assert.ok(next, `${delivery} was pending at a takeover and not tried again`);
      if (next.epoch < epoch) found.push(`${delivery}/${next.number}: at an epoch before`);
    }
  }
  return found;
}

/** A POST that its sender did not record, with the takeover that prevented it. */
export interface Unrecorded {
  readonly post: Received;
  readonly takeover: Takeover;
}

/**
 * POSTs in flight when their shard was taken over: begun by the former owner, and the attempt not on
 * disk at that moment. What a frozen owner had begun may arrive after it.
 */
export function inFlightAtTakeovers(
  received: readonly Received[],
  takeovers: readonly Takeover[],
): Unrecorded[] {
  const of = new Map<string, Takeover[]>();
  for (const takeover of takeovers) {
    for (const [delivery, count] of takeover.pending) {
      const key = `${delivery}/${count + 1}`;
      of.set(key, [...(of.get(key) ?? []), takeover]);
    }
  }
  return received.flatMap((post) => {
    const begunBefore = ({ at }: Takeover): boolean => post.at <= at || beganAt(post) + 1_000 <= at;
    const takeover = of.get(attemptOf(post))?.find(begunBefore);
    return takeover ? [{ post, takeover }] : [];
  });
}

/**
 * Each POST is recorded, or was in flight at a takeover; each record has its POST. What was canceled
 * while its sender was dead is not tried again, so that attempt may be missing.
 * @returns POSTs that are neither
 */
export function unexplainedPosts(
  received: readonly Received[],
  attempts: readonly RecordedAttempt[],
  unrecorded: readonly Unrecorded[],
  canceled: ReadonlySet<string>,
): string[] {
  const made = countByAttempt(received);
  const inFlight = countByAttempt(unrecorded.map(({ post }) => post));
  const recorded = new Set(attempts.map(({ delivery, number }) => `${delivery}/${number}`));
  for (const key of made.keys()) {
    const [delivery = ''] = key.split('/');
    assert.ok(recorded.has(key) || canceled.has(delivery), `${key} was made and not recorded`);
  }
  const unexplained: string[] = [];
  for (const { delivery, number, outcome } of attempts) {
    const key = `${delivery}/${number}`;
    const own = (made.get(key) ?? 0) - (inFlight.get(key) ?? 0);
    const answered = outcome === 'delivered' || outcome === 'rejected';
    if (answered) assert.ok(own >= 1, `${key} was recorded and not made`);
    for (let i = 1; i < own; i += 1) unexplained.push(key);
  }
  return unexplained;
}

function countByAttempt(posts: readonly Received[]): ReadonlyMap<string, number> {
  return new Map([...Map.groupBy(posts, attemptOf)].map(([key, of]) => [key, of.length]));
}

/** Second POSTs after a 2xx, by their reasons. */
export interface SecondPosts {
  /** The first one was in flight at a takeover: its sender did not record it. */
  readonly inFlight: number;
  /** The second one was: begun before, by an owner that was frozen, it came after it. */
  readonly afterFreeze: number;
  /** The first one was answered too late for its sender, who recorded that no answer came in time. */
  readonly tooLate: number;
  /** None of these: attempts whose success was recorded. */
  readonly wrong: readonly string[];
}

/** Only the first one after each 2xx counts: a repeat may fail and be retried. */
export function secondPosts(
  received: readonly Received[],
  attempts: readonly RecordedAttempt[],
  unrecorded: readonly Unrecorded[],
  timeoutMs: number,
): SecondPosts {
  const lost = new Set(unrecorded.map(({ post }) => post));
  const of = new Map(attempts.map((attempt) => [`${attempt.delivery}/${attempt.number}`, attempt]));
  const found = { inFlight: 0, afterFreeze: 0, tooLate: 0, wrong: [] as string[] };
  for (const posts of Map.groupBy(received, deliveryOf).values()) {
    for (const [i, post] of posts.entries()) {
      const second = posts[i + 1];
      if (post.status !== 200 || !second) continue;
      const record = of.get(attemptOf(post));
      const late = record?.outcome === 'timed_out' && record.durationMs >= timeoutMs;
      if (lost.has(post)) found.inFlight += 1;
      else if (lost.has(second)) found.afterFreeze += 1;
      else if (late) found.tooLate += 1;
      else found.wrong.push(attemptOf(post));
    }
  }
  return found;
}

/** An attempt that a node made and could not record, as its log has it. */
export interface Refused {
  readonly node: string;
  readonly deliveryId: string;
  readonly attempt: number;
  readonly why: string;
}

export function refusedRecords({ name, output }: { name: string; output: string }): Refused[] {
  return output.split('\n').flatMap((line) => {
    if (!line.includes('"attempt.not_recorded"')) return [];
    return [{ node: name, ...(JSON.parse(line) as Omit<Refused, 'node'>) }];
  });
}

/** Nobody's record was refused but that of an attempt in flight when its shard was taken from him. */
export function onlyFormerOwnersWereRefused(
  refused: readonly Refused[],
  takeovers: readonly Takeover[],
  canceled: ReadonlySet<string>,
): void {
  for (const { node, deliveryId, attempt, why } of refused) {
    const shard = Number(deliveryId.split('_').at(-1)) % 64;
    const taken = takeovers.some(
      ({ from, pending, shard: of }) =>
        from === node &&
        (pending.get(deliveryId) === attempt - 1 || (of === shard && canceled.has(deliveryId))),
    );
    const what = `${node} could not record ${deliveryId}/${attempt}: ${why}`;
    assert.ok(why === 'not_owner' && taken, what);
  }
}

function attemptOf(post: Received): string {
  return `${deliveryOf(post)}/${String(post.headers['x-posthorn-attempt'])}`;
}

/** To the second. */
function beganAt(post: Received): number {
  return Number(post.headers['webhook-timestamp']) * 1_000;
}
