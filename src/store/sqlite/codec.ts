import { OUTCOMES, type Attempt, type NextStep, type Outcome } from '../../domain/attempt.ts';
import type { EventType } from '../../domain/event.ts';
import type { EventId } from '../../domain/ids.ts';
import type {
  AcceptEntry,
  AcceptResult,
  CommitBatch,
  CommitResult,
  RecordEntry,
  RecordResult,
} from '../store.ts';
import type { Webhook } from '../../domain/webhook.ts';
import type { HealthMark } from '../health-store.ts';

/**
 * A commit batch on its way between threads: a structured clone of an object for each event costs
 * more than storing it. So numbers go in one typed array, and texts in one that is cut again by
 * their lengths.
 */
export interface FlatBatch {
  readonly records: number;
  readonly accepts: number;
  /** What is written: attempts, events and deliveries. */
  readonly rows: number;
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly text: string;
  /** Of each text within `text`, in order. */
  readonly lengths: Int32Array<ArrayBuffer>;
  /** Of the few records that have one, by their places: an object each is cheap enough. */
  readonly marks: readonly PlacedMark[];
}

interface PlacedMark {
  readonly place: number;
  readonly mark: HealthMark;
}

/** The numbers of one record, in this order. */
const RECORD_NUMBERS = 12;
/** The numbers of one accept before its deliveries, two for each of those. */
const ACCEPT_NUMBERS = 6;

/** Stands for null among numbers: no id, time or status is negative. */
const NONE = -1;

const NEXT = ['pending', 'succeeded', 'exhausted', 'canceled'] as const;

export function encodeBatch(batch: CommitBatch): FlatBatch {
  const deliveries = batch.accepts.reduce((sum, accept) => sum + accept.deliveries.length, 0);
  const numbers = new Float64Array(
    batch.records.length * RECORD_NUMBERS + batch.accepts.length * ACCEPT_NUMBERS + deliveries * 2,
  );
  const texts: (string | null)[] = [];
  const marks: PlacedMark[] = [];
  let at = 0;
  let place = 0;
  for (const record of batch.records) {
    at = encodeRecord(record, numbers, at, texts);
    if (record.mark) marks.push({ place, mark: record.mark });
    place += 1;
  }
  for (const accept of batch.accepts) at = encodeAccept(accept, numbers, at, texts);
  const lengths = new Int32Array(texts.length);
  for (let i = 0; i < texts.length; i += 1) lengths[i] = texts[i]?.length ?? NONE;
  // Null joins as nothing.
  const text = texts.join('');
  const [records, accepts] = [batch.records.length, batch.accepts.length];
  return { records, accepts, rows: records + accepts + deliveries, numbers, text, lengths, marks };
}

function encodeRecord(
  { accountId, eventId, webhookId, webhookVersion, createdAt, lease, attempt, next }: RecordEntry,
  numbers: Float64Array,
  at: number,
  texts: (string | null)[],
): number {
  numbers[at] = accountId;
  numbers[at + 1] = webhookId;
  numbers[at + 2] = lease.shard;
  numbers[at + 3] = lease.epoch;
  numbers[at + 4] = attempt.number;
  numbers[at + 5] = attempt.startedAt;
  numbers[at + 6] = attempt.durationMs;
  numbers[at + 7] = OUTCOMES.indexOf(attempt.outcome) * NEXT.length + NEXT.indexOf(next.status);
  numbers[at + 8] = next.status === 'pending' ? next.nextAttemptAt : NONE;
  numbers[at + 9] = attempt.response?.status ?? NONE;
  numbers[at + 10] = webhookVersion;
  numbers[at + 11] = createdAt;
  texts.push(
    eventId,
    attempt.url,
    attempt.signature,
    attempt.userAgent,
    attempt.response && JSON.stringify(attempt.response.headers),
    attempt.response && attempt.response.body,
    attempt.error,
    next.status === 'canceled' ? next.disableReason : null,
  );
  return at + RECORD_NUMBERS;
}

function encodeAccept(
  { event, accountVersion, deliveries }: AcceptEntry,
  numbers: Float64Array,
  at: number,
  texts: (string | null)[],
): number {
  numbers[at] = event.accountId;
  numbers[at + 1] = event.campaignId;
  numbers[at + 2] = event.clientId ?? NONE;
  numbers[at + 3] = event.categoryId ?? NONE;
  numbers[at + 4] = accountVersion;
  numbers[at + 5] = deliveries.length;
  let next = at + ACCEPT_NUMBERS;
  for (const { webhookId, webhookVersion, inOrder } of deliveries) {
    numbers[next] = webhookId;
    // A version is positive: its sign says the third thing.
    numbers[next + 1] = inOrder === true ? -webhookVersion : webhookVersion;
    next += 2;
  }
  texts.push(event.id, event.type, event.callerEventId, event.leadEmail, event.body);
  return next;
}

/** An attempt with its response as it is stored: headers as JSON text. */
export interface FlatRecord {
  readonly accountId: number;
  readonly eventId: EventId;
  readonly webhookId: number;
  readonly webhookVersion: number;
  readonly createdAt: number;
  readonly shard: number;
  readonly epoch: number;
  readonly attempt: Omit<Attempt, 'response'>;
  readonly responseStatus: number | null;
  readonly responseHeaders: string | null;
  readonly responseBody: string | null;
  readonly next: NextStep;
  readonly mark: HealthMark | undefined;
}

/** Reads a flat batch in the order in which it was written: all records, then all accepts. */
export class BatchReader {
  readonly #batch: FlatBatch;
  #number = 0;
  #text = 0;
  #textAt = 0;
  #place = 0;
  #mark = 0;

  constructor(batch: FlatBatch) {
    this.#batch = batch;
  }

  record(): FlatRecord {
    const [accountId, webhookId, shard, epoch] = [this.#n(), this.#n(), this.#n(), this.#n()];
    const [number, startedAt, durationMs, codes] = [this.#n(), this.#n(), this.#n(), this.#n()];
    const [nextAttemptAt, responseStatus] = [this.#n(), this.#nullable()];
    const [webhookVersion, createdAt] = [this.#n(), this.#n()];
    const eventId = this.#t() as EventId;
    const [url, signature, userAgent] = [this.#t(), this.#t(), this.#t()];
    const [responseHeaders, responseBody] = [this.#nullableText(), this.#nullableText()];
    const [error, disableReason] = [this.#nullableText(), this.#nullableText()];
    const outcome = OUTCOMES[Math.floor(codes / NEXT.length)] as Outcome;
    const status = NEXT[codes % NEXT.length] as NextStep['status'];
    return {
      accountId,
      eventId,
      webhookId,
      webhookVersion,
      createdAt,
      shard,
      epoch,
      attempt: { number, startedAt, durationMs, outcome, url, signature, userAgent, error },
      responseStatus,
      responseHeaders,
      responseBody,
      next: nextStepOf(status, nextAttemptAt, disableReason),
      mark: this.#markHere(),
    };
  }

  accept(): AcceptEntry {
    const [accountId, campaignId] = [this.#n(), this.#n()];
    const [clientId, categoryId] = [this.#nullable(), this.#nullable()];
    const [accountVersion, count] = [this.#n(), this.#n()];
    const deliveries = Array.from({ length: count }, () => {
      const [webhookId, version] = [this.#n(), this.#n()];
      return { webhookId, webhookVersion: Math.abs(version), inOrder: version < 0 };
    });
    const id = this.#t() as EventId;
    const type = this.#t() as EventType;
    const [callerEventId, leadEmail] = [this.#nullableText(), this.#nullableText()];
    const body = this.#t();
    return {
      accountVersion,
      deliveries,
      event: {
        id,
        accountId,
        type,
        campaignId,
        clientId,
        categoryId,
        callerEventId,
        leadEmail,
        body,
      },
    };
  }

  #markHere(): HealthMark | undefined {
    const place = this.#place++;
    const placed = this.#batch.marks[this.#mark];
    if (placed?.place !== place) return undefined;
    this.#mark += 1;
    return placed.mark;
  }

  #n(): number {
    return this.#batch.numbers[this.#number++] ?? Number.NaN;
  }

  #nullable(): number | null {
    const value = this.#n();
    return value === NONE ? null : value;
  }

  #nullableText(): string | null {
    const length = this.#batch.lengths[this.#text++] ?? NONE;
    return length === NONE ? null : this.#batch.text.slice(this.#textAt, (this.#textAt += length));
  }

  #t(): string {
    return this.#nullableText() ?? '';
  }
}

function nextStepOf(
  status: NextStep['status'],
  nextAttemptAt: number,
  disableReason: string | null,
): NextStep {
  if (status === 'pending') return { status, nextAttemptAt };
  if (status === 'canceled') return { status, disableReason: disableReason ?? '' };
  return { status };
}

const RECORD_RESULTS: readonly RecordResult[] = ['recorded', 'postponed', 'not_owner', 'gone'];
const ACCEPTED = 0;
const STALE = 1;
const DUPLICATE = 2;

/** What became of a batch, on its way back. */
export interface FlatResult {
  readonly records: Uint8Array<ArrayBuffer>;
  readonly accepts: Uint8Array<ArrayBuffer>;
  /** In order, one for each duplicate among the accepts. */
  readonly duplicates: readonly { eventId: EventId; deliveries: number }[];
  readonly disabled: readonly Webhook[];
}

export function encodeResult(result: CommitResult): FlatResult {
  const duplicates: { eventId: EventId; deliveries: number }[] = [];
  const accepts = Uint8Array.from(result.accepts, (accept) => {
    if (accept.kind === 'accepted') return ACCEPTED;
    if (accept.kind === 'stale') return STALE;
    duplicates.push({ eventId: accept.eventId, deliveries: accept.deliveries });
    return DUPLICATE;
  });
  const records = Uint8Array.from(result.records, (record) => RECORD_RESULTS.indexOf(record));
  return { records, accepts, duplicates, disabled: result.disabled };
}

export function decodeResult(flat: FlatResult): CommitResult {
  let duplicate = 0;
  const accepts = Array.from(flat.accepts, (code): AcceptResult => {
    if (code === ACCEPTED) return { kind: 'accepted' };
    if (code === STALE) return { kind: 'stale' };
    const known = flat.duplicates[duplicate++];
    if (!known) throw new Error('A duplicate came back without its event');
    return { kind: 'duplicate', ...known };
  });
  const records = Array.from(flat.records, (code) => RECORD_RESULTS[code] ?? 'gone');
  return { records, accepts, disabled: flat.disabled };
}
