import assert from 'node:assert/strict';
import { answer, Receiver, type Received } from './receiver.ts';
import { API_KEY, type PosthornProcess } from './posthorn-process.ts';

/** What the crash test registers: each kind of endpoint at each kind of scope. */
export const KINDS = ['answers', 'fails', 'hangs', 'slow'] as const;
const CLIENT_OF_CAMPAIGN: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2 };
export const CAMPAIGNS = [1, 2, 3] as const;
export const EVENT_TYPES = ['SENT', 'REPLIED'] as const;

/** A webhook as the test made it, with the test's own idea of what it should get. */
export interface Registered {
  readonly id: number;
  readonly path: string;
  readonly secret: string;
  wants(event: { key: string; campaign: number; type: string }): boolean;
}

/** An endpoint for each kind, told by its path: it answers, fails now and then, hangs at first, or is slow. */
export function startEndpoints(random: () => number): Promise<Receiver> {
  const hung = new Set<unknown>();
  return Receiver.start((received, response) => {
    const kind = received.path.split('/')[1];
    const delivery = received.headers['x-posthorn-delivery-id'];
    if (kind === 'fails' && random() < 0.4) return answer(received, response, 500);
    if (kind === 'slow') return answer(received, response, 200, random() * 150);
    if (kind === 'hangs' && !hung.has(delivery) && random() < 0.3) {
      hung.add(delivery);
      return;
    }
    answer(received, response, 200);
  });
}

export async function register(server: PosthornProcess, target: string): Promise<Registered[]> {
  for (const [campaign, client] of Object.entries(CLIENT_OF_CAMPAIGN)) {
    await server.call('PUT', `/api/v1/campaigns/${campaign}`, { client_id: client });
  }
  const registered: Registered[] = [];
  for (const kind of KINDS) {
    registered.push(
      await create(server, target, `/${kind}/user`, { association_type: 1 }, () => true),
      await create(
        server,
        target,
        `/${kind}/client`,
        { association_type: 2, client_id: 1, event_type_map: { REPLIED: true } },
        ({ campaign, type }) => CLIENT_OF_CAMPAIGN[campaign] === 1 && type === 'REPLIED',
      ),
      await create(
        server,
        target,
        `/${kind}/campaign`,
        { association_type: 3, email_campaign_id: 3 },
        ({ campaign }) => campaign === 3,
      ),
    );
  }
  return registered;
}

async function create(
  server: PosthornProcess,
  target: string,
  path: string,
  body: Record<string, unknown>,
  wants: Registered['wants'],
): Promise<Registered> {
  const { status, json } = await server.call('POST', '/api/v1/webhook/create', {
    webhook_url: target + path,
    ...body,
  });
  assert.equal(status, 200, JSON.stringify(json));
  return { id: Number(json['id']), secret: String(json['secret']), path, wants };
}

/** An event as it was sent in; `id` once a 202 has told it. */
export interface SentEvent {
  readonly key: string;
  readonly campaign: number;
  readonly type: string;
  id?: string;
}

/** Sends events in one after another, each until a 202 comes, whatever happens to the server. */
export class Client {
  readonly sent: SentEvent[] = [];
  /** Events that a repeated call found accepted already. */
  duplicates = 0;
  #ended = false;
  readonly #name: string;
  readonly #random: () => number;
  readonly #server: () => PosthornProcess;

  constructor(name: string, random: () => number, server: () => PosthornProcess) {
    this.#name = name;
    this.#random = random;
    this.#server = server;
  }

  end(): void {
    this.#ended = true;
  }

  async run(): Promise<void> {
    for (let round = 0; !this.#ended; round += 1) {
      const size = this.#random() < 0.2 ? 5 : 1;
      const batch = Array.from({ length: size }, (_, i) => this.#event(`${round}-${i}`));
      this.sent.push(...batch);
      while (!(await this.#post(batch))) await pause(20);
      await pause(this.#random() * 30);
    }
  }

  #event(suffix: string): SentEvent {
    return {
      key: `${this.#name}-${suffix}`,
      campaign: CAMPAIGNS[Math.floor(this.#random() * 3)] ?? 1,
      type: EVENT_TYPES[Math.floor(this.#random() * 2)] ?? 'SENT',
    };
  }

  async #post(batch: readonly SentEvent[]): Promise<boolean> {
    try {
      const response = await fetch(`${this.#server().url}/api/v1/events`, {
        method: 'POST',
        headers: { 'x-api-key': API_KEY, 'content-type': 'application/json' },
        body: JSON.stringify(batch.map(payload)),
      });
      if (response.status !== 202) return false;
      const answered = (await response.json()) as {
        duplicates: number;
        events: { index: number; id: string }[];
      };
      assert.equal(answered.events.length, batch.length);
      this.duplicates += answered.duplicates;
      for (const { index, id } of answered.events) {
        const event = batch[index];
        if (event) event.id = id;
      }
      return true;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return false;
    }
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

export function deliveryOf(received: Received): string {
  return String(received.headers['x-posthorn-delivery-id']);
}

/** A small seeded generator (mulberry32), so that a failing run's choices can be told. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
