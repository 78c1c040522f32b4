import type { Attempt, NextStep } from '../domain/attempt.ts';
import {
  FAILED_FOR_TOO_LONG,
  failingAfter,
  failingElsewhere,
  hasFailedForTooLong,
  probeWaitMs,
  type Failing,
} from '../domain/breaker.ts';
import type { HealthMark } from '../store/health-store.ts';
import type { DeliveryKey, EventId } from '../domain/ids.ts';

/** A lane's breaker, as its owner has it in memory: see `domain/breaker.ts` for the rules. */
export class LaneBreaker {
  /** Null: the last attempt succeeded, or there was none. */
  #failing: Failing | null = null;
  /** The one delivery that an open breaker has let through, until its attempt ends: half-open. */
  #probe: EventId | null = null;

  get isFailing(): boolean {
    return this.#failing !== null;
  }

  get isOpen(): boolean {
    return this.#failing !== null && this.#failing.open !== null;
  }

  /** How long it lets nothing through; Infinity: until the probe that is under way has ended. */
  waitMs(now: number): number {
    if (this.#failing === null || this.#failing.open === null) return 0;
    if (this.#probe !== null) return Number.POSITIVE_INFINITY;
    return probeWaitMs(this.#failing.open, now);
  }

  /** What its shard's last owner, or a lane that is gone, has left. */
  takeOver(failing: Failing | null): void {
    this.#failing = failing;
  }

  /** The webhook has another URL. */
  moved(now: number): void {
    this.#failing = failingElsewhere(this.#failing, now);
    this.#probe = null;
  }

  /** The webhook is disabled or deleted: if it is resumed it begins anew. */
  reset(): void {
    this.#failing = null;
  }

  sent({ eventId }: DeliveryKey): void {
    if (this.isOpen) this.#probe = eventId;
  }

  /**
   * An attempt has ended.
   * @param url of the webhook now: what another one answered says nothing of it
   * @returns what its record has to say of it beside; undefined on the healthy path
   */
  ended(
    { eventId }: DeliveryKey,
    { outcome, url, startedAt, durationMs }: Attempt,
    next: NextStep,
    now: { readonly url: string; readonly random: number },
  ): HealthMark | undefined {
    const probe = this.#probe === eventId;
    if (probe) this.#probe = null;
    if (this.#failing === null && outcome === 'delivered') return undefined;
    if (url !== now.url) return undefined;
    const before = this.#failing;
    if (outcome === 'delivered') {
      this.#failing = null;
      return before?.open ? { announce: 'WEBHOOK_RECOVERED' } : undefined;
    }
    const endedAt = startedAt + durationMs;
    const failed = { endedAt, exhausts: next.status === 'exhausted', probe };
    this.#failing = failingAfter(before, failed, now.random);
    return markOf(before, this.#failing, endedAt);
  }
}

function markOf(before: Failing | null, after: Failing, now: number): HealthMark | undefined {
  const changed = after.open !== null && after.open !== before?.open;
  const opens = changed && !before?.open;
  const tooLong = hasFailedForTooLong(after, now);
  if (!changed && !tooLong) return undefined;
  return {
    ...(changed && { open: after.open }),
    ...(opens && { announce: 'WEBHOOK_FAILING' }),
    ...(tooLong && { disableReason: FAILED_FOR_TOO_LONG }),
  };
}
