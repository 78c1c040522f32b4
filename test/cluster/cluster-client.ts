import assert from 'node:assert/strict';
import { CAMPAIGNS, EVENT_TYPES, pause } from '../e2e/crash-scene.ts';
import { waitFor } from '../e2e/wait-for.ts';
import { API_KEY } from '../e2e/posthorn-process.ts';

/** A node that does not answer by then is asked no longer: another one is. */
export const ANSWER_MS = 3_000;
const BETWEEN_TRIES_MS = 50;
const BATCH_SIZE = 5;
const LONGEST_PAUSE_MS = 250;
/** Through any number of faults: far above what they take. */
const ACCEPT_LIMIT_MS = 120_000;

/** An event as it was put in; `id` once a 202 has told it. */
export interface SentEvent {
  readonly key: string;
  readonly campaign: number;
  readonly type: string;
  id?: string;
  /** How many webhooks it matched, as that 202 told. */
  deliveries?: number;
  /** Whether a call with it has ended without an answer: that may have stored it. */
  unanswered: boolean;
}

export interface NodeAddress {
  readonly name: string;
  readonly url: string;
}

interface Answer {
  readonly events: readonly { index: number; id: string; deliveries: number; duplicate: boolean }[];
  readonly rejected: readonly { index: number }[];
}

/** Puts events in, each until a 202 comes, at whatever node, whatever happens to the nodes. */
export class ClusterClient {
  readonly sent: SentEvent[] = [];
  /** Calls answered, by status; `none` where no answer came. */
  readonly answers: Record<string, number> = {};
  /** Events that a repeated call found accepted already. */
  duplicates = 0;
  /** Events accepted by each node, by name. */
  readonly acceptedBy: Record<string, number> = {};
  #ended = false;
  readonly #name: string;
  readonly #random: () => number;
  readonly #nodes: () => readonly NodeAddress[];

  constructor(name: string, random: () => number, nodes: () => readonly NodeAddress[]) {
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

  /** One event, put in at whatever node but one until it is accepted. Returns it with what was told. */
  async putIn(
    event: Pick<SentEvent, 'key' | 'campaign' | 'type'>,
    notAt: string,
  ): Promise<SentEvent> {
    const sent: SentEvent = { ...event, unanswered: false };
    this.sent.push(sent);
    const accepted = (): Promise<boolean> => this.#put([sent], notAt);
    await waitFor(`${event.key} is accepted`, accepted, ACCEPT_LIMIT_MS);
    return sent;
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
  async #put(batch: readonly SentEvent[], notAt?: string): Promise<boolean> {
    const { name, url } = this.#one(this.#nodes().filter((node) => node.name !== notAt));
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
    if (response.status === 202) return this.#accepted(name, batch, body as Answer);
    assert.equal(response.status, 503, JSON.stringify(body));
    assert.match(response.headers.get('retry-after') ?? '', /^\d+$/);
    return false;
  }

  #accepted(by: string, batch: readonly SentEvent[], { events, rejected }: Answer): boolean {
    assert.equal(events.length + rejected.length, batch.length);
    for (const { index, id, deliveries, duplicate } of events) {
      const event = batch[index];
      assert.ok(event);
      // Where every call before was answered with a refusal, nothing of it can be there.
      if (duplicate) assert.ok(event.unanswered, `${event.key} was refused and stored`);
      if (duplicate) this.duplicates += 1;
      else this.acceptedBy[by] = (this.acceptedBy[by] ?? 0) + 1;
      event.id = id;
      event.deliveries = deliveries;
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
