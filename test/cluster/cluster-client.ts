import assert from 'node:assert/strict';
import { CAMPAIGNS, EVENT_TYPES, pause } from '../e2e/crash-scene.ts';
import { API_KEY } from '../e2e/posthorn-process.ts';

/** A node that does not answer by then is asked no longer: another one is. */
const ANSWER_MS = 3_000;
const BETWEEN_TRIES_MS = 50;
const BATCH_SIZE = 5;
const LONGEST_PAUSE_MS = 250;

/** An event as it was put in; `id` once a 202 has told it. */
export interface SentEvent {
  readonly key: string;
  readonly campaign: number;
  readonly type: string;
  id?: string;
  /** Whether a call with it has ended without an answer: that may have stored it. */
  unanswered: boolean;
}

interface Answer {
  readonly events: readonly { index: number; id: string; duplicate: boolean }[];
  readonly rejected: readonly { index: number }[];
}

/** Puts events in, each until a 202 comes, at whatever node, whatever happens to the nodes. */
export class ClusterClient {
  readonly sent: SentEvent[] = [];
  /** Calls answered, by status; `none` where no answer came. */
  readonly answers: Record<string, number> = {};
  /** Events that a repeated call found accepted already. */
  duplicates = 0;
  #ended = false;
  readonly #name: string;
  readonly #random: () => number;
  readonly #nodes: () => readonly { readonly url: string }[];

  constructor(
    name: string,
    random: () => number,
    nodes: () => readonly { readonly url: string }[],
  ) {
    this.#name = name;
    this.#random = random;
    this.#nodes = nodes;
  }

  end(): void {
    this.#ended = true;
  }

  async run(): Promise<void> {
    for (let round = 0; !this.#ended; round += 1) {
      const size = this.#random() < 0.2 ? BATCH_SIZE : 1;
      const batch = Array.from({ length: size }, (_, i) => this.#event(`${round}-${i}`));
      this.sent.push(...batch);
      for (let left = batch; left.length > 0; left = left.filter(({ id }) => id === undefined)) {
        if (left.length < batch.length || !(await this.#put(left))) await pause(BETWEEN_TRIES_MS);
      }
      await pause(this.#random() * LONGEST_PAUSE_MS);
    }
  }

  #event(suffix: string): SentEvent {
    return {
      key: `${this.#name}-${suffix}`,
      campaign: this.#one(CAMPAIGNS),
      type: this.#one(EVENT_TYPES),
      unanswered: false,
    };
  }

  #one<Item>(of: readonly Item[]): Item {
    return of[Math.floor(this.#random() * of.length)] as Item;
  }

  /** @returns whether anything of it was accepted */
  async #put(batch: readonly SentEvent[]): Promise<boolean> {
    const { url } = this.#one(this.#nodes());
    let response: Response;
    let body: unknown;
    try {
      response = await fetch(`${url}/api/v1/events`, {
        method: 'POST',
        signal: AbortSignal.timeout(ANSWER_MS),
        headers: { 'x-api-key': API_KEY, 'content-type': 'application/json' },
        body: JSON.stringify(batch.map(payload)),
      });
      body = await response.json();
    } catch {
      this.#count('none');
      for (const event of batch) event.unanswered = true;
      return false;
    }
    this.#count(String(response.status));
    if (response.status === 202) return this.#accepted(batch, body as Answer);
    assert.equal(response.status, 503, JSON.stringify(body));
    assert.match(response.headers.get('retry-after') ?? '', /^\d+$/);
    return false;
  }

  #accepted(batch: readonly SentEvent[], { events, rejected }: Answer): boolean {
    assert.equal(events.length + rejected.length, batch.length);
    for (const { index, id, duplicate } of events) {
      const event = batch[index];
      assert.ok(event);
      if (duplicate) this.duplicates += 1;
      // Where every call before was answered with a refusal, nothing of it can be there.
      if (duplicate) assert.ok(event.unanswered, `${event.key} was refused and stored`);
      event.id = id;
    }
    return true;
  }

  #count(answer: string): void {
    this.answers[answer] = (this.answers[answer] ?? 0) + 1;
  }
}

function payload({ key, campaign, type }: SentEvent): Record<string, unknown> {
  return {
    event_id: key,
    event_type: type,
    campaign_id: campaign,
    lead_email: `${key}@example.com`,
    note: `n-${key}`,
  };
}
