const SECOND = 1_000;

/** Without it each timer's lateness would be lost: at 100 a second every tenth request. */
const MADE_UP_MS = 5;

/** Times since 1970 have fractions of 0.0002 ms. */
const ROUNDING_MS = 0.01;

/**
 * Evenly spaced sending: one in each gap. There is no store of unused ones to burst from; only the
 * lateness of a timer is made up for, a few milliseconds. So over any second at most one more than the
 * limit is sent, and nearly a whole gap is left for what a network and a receiver add.
 */
export interface Pace {
  readonly gapMs: number;
  /** When the next one may be sent; milliseconds since 1970, with fractions. */
  readonly freeAt: number;
}

/**
 * @param since from when on nobody else sends: what was sent until then is not known here, so that the
 *   first gap is counted from there
 */
export function paceOf(ratePerSecond: number, since: number): Pace {
  const gapMs = SECOND / ratePerSecond;
  return { gapMs, freeAt: since + gapMs };
}

/** So much later than it was, but not more than a gap from now. */
export function pacedLater({ gapMs, freeAt }: Pace, byMs: number, now: number): Pace {
  return { gapMs, freeAt: Math.min(freeAt + byMs, now + gapMs) };
}

/** How long until the next one may be sent; 0: now. */
export function paceWaitMs({ gapMs, freeAt }: Pace, now: number): number {
  const wait = freeAt - now;
  // More than a gap ahead is only what a clock that stepped back has left behind.
  return wait < ROUNDING_MS || wait > gapMs + 1 ? 0 : wait;
}

/** After one was sent. */
export function pacedAfter({ gapMs, freeAt }: Pace, now: number): Pace {
  const madeUp = Math.min(gapMs / 2, MADE_UP_MS);
  const began = freeAt > now ? now : Math.max(freeAt, now - madeUp);
  return { gapMs, freeAt: began + gapMs };
}
