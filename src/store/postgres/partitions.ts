import { acceptedAt, firstEventIdAt, isEventId, type EventId } from '../../domain/ids.ts';
import { StoreRefused } from '../store.ts';
import { toUuid } from './arrays.ts';
import type { SessionPool } from './session-pool.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

/** Days made ahead: a node that is up needs none of them in the middle of a commit. */
const DAYS_AHEAD = 3;
const LOOK_AHEAD_MS = 60 * 60 * 1_000;

/** The last one whose date has a year of four digits. */
const LAST_DAY = 2_932_896;

/** Whoever makes or drops partitions holds it, so that two nodes do not make the same one. */
export const PARTITION_LOCK = 0x50485250;

/** In this order they are locked by whoever drops a day: a commit comes to them in the same one. */
export const PARTITIONED = ['delivery', 'attempt', 'event'] as const;

/** Days since 1970, UTC. */
export type Day = number;

export function dayOf(time: number): Day {
  return Math.floor(time / DAY_MS);
}

export function startOf(day: Day): number {
  return day * DAY_MS;
}

/** `event_p20261126`: days sort by name. */
export function partitionOf(table: string, day: Day): string {
  const date = new Date(startOf(day)).toISOString().slice(0, -14);
  return `${table}_p${date.replaceAll(/\D/g, '')}`;
}

const DAYS = {
  text: `SELECT substring(c.relname FROM '\\d{8}$') AS day
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'event'::regclass`,
};

/** Days that have partitions, the oldest first. */
export async function daysThatAre(pool: SessionPool): Promise<Day[]> {
  const rows = await pool.run((session) => session.query<{ day: string }>(DAYS));
  return rows
    .map(({ day }) => {
      const iso = `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`;
      return dayOf(Date.parse(iso));
    })
    .toSorted((a, b) => a - b);
}

/** Sees to it that each day has its partitions before an event of that day is stored. */
export class Partitions {
  readonly #pool: SessionPool;
  readonly #known = new Set<Day>();
  #timer: NodeJS.Timeout | undefined;

  constructor(pool: SessionPool) {
    this.#pool = pool;
  }

  /** Resolves when there are partitions for today and the next days; goes on making them. */
  async start(): Promise<void> {
    for (const day of await daysThatAre(this.#pool)) this.#known.add(day);
    await this.#lookAhead();
    this.#timer = setInterval(() => {
      // What fails here a commit makes up for, or is itself told of.
      this.#lookAhead().catch(() => undefined);
    }, LOOK_AHEAD_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The days of these events that are not known to have partitions: none, nearly always. */
  missing(ids: readonly EventId[]): Day[] {
    let missing: Set<Day> | undefined;
    for (const id of ids) {
      const day = isEventId(id) ? dayOf(acceptedAt(id)) : Number.NaN;
      if (!(day <= LAST_DAY)) throw new StoreRefused(`${id} is not the id of an event`);
      if (!this.#known.has(day)) (missing ??= new Set()).add(day);
    }
    return [...(missing ?? [])];
  }

  /** Another node may have dropped some. */
  forget(): void {
    this.#known.clear();
  }

  forgetDay(day: Day): void {
    this.#known.delete(day);
  }

  async make(days: readonly Day[]): Promise<void> {
    for (const day of days) {
      await this.#pool.transaction(async (session) => {
        await session.query({ text: `SELECT pg_advisory_xact_lock(${PARTITION_LOCK})` });
        const [found] = await session.query<{ there: boolean }>(
          { text: 'SELECT to_regclass($1) IS NOT NULL AS there' },
          [partitionOf('event', day)],
        );
        if (!found?.there)
          await session.query({ text: PARTITIONED.map(makePartition(day)).join(';') });
      });
      this.#known.add(day);
    }
  }

  async #lookAhead(): Promise<void> {
    const today = dayOf(Date.now());
    const days = Array.from({ length: DAYS_AHEAD }, (_, i) => today + i);
    await this.make(days.filter((day) => !this.#known.has(day)));
  }
}

/**
 * Made apart and then attached: that locks the parent against other changes of its definition only.
 * `CREATE TABLE … PARTITION OF` would wait for every statement under way, and all others for it.
 */
function makePartition(day: Day): (table: string) => string {
  const [from, to] = [day, day + 1].map((bound) => toUuid(firstEventIdAt(startOf(bound))));
  return (table) => {
    const name = partitionOf(table, day);
    return `CREATE TABLE ${name} (LIKE ${table} INCLUDING ALL);
      ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM ('${from}') TO ('${to}')`;
  };
}
