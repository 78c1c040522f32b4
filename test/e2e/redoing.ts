import assert from 'node:assert/strict';
import { pause } from './crash-scene.ts';
import { API_KEY } from './posthorn-process.ts';
import type { Receiver } from './receiver.ts';
import { waitFor } from './wait-for.ts';

const ANSWER_MS = 20_000;
const CAMPAIGN = 900;
const RETRIED_CAMPAIGN = 901;
const PAUSED_CAMPAIGN = 902;
const PAUSED_PATH = '/answers/paused';
const EVENTS = 150;
/** Redos that were asked for in calls without an answer have ids that nobody knows. */
const UNKNOWN_IDS = 40;
const DRAIN_MS = 120_000;

type Json = Record<string, unknown>;

interface Redo {
  readonly id: number;
  readonly kind: string;
  readonly webhook_id: number;
  readonly status: string;
  readonly count: number;
  readonly done: number;
  readonly created_at: string;
  readonly ended_at: string;
}

/** What is under test, and where its requests arrive. */
export interface RedoingGround {
  readonly receiver: Pick<Receiver, 'url' | 'at'>;
  readonly servers: () => readonly { readonly url: string }[];
  /**
   * Nothing arrives for a paused webhook from so long after the answer on; null: servers are cut off from
   * each other, so that it may take them longer to hear of it.
   */
  readonly quietAfterMs: number | null;
}

/**
 * Replays, retries, backfills and pauses while servers are killed, beside events that come in: each call to any
 * server, with no answer if that one is killed. What was put back is told by the attempts recorded: each
 * time a delivery is put back, one more of them is a success.
 */
export class Redoing {
  readonly counts: Record<string, number> = {};
  readonly #ground: RedoingGround;
  readonly #random: () => number;
  #ended = false;
  #events = 0;
  #replayed = 0;
  #retried = 0;
  #paused = 0;
  #eventsForPaused = 0;
  readonly #backfilled: number[] = [];
  readonly #retriedEvents: string[] = [];
  /** By event: calls answered with 200, and calls without an answer. */
  readonly #retries = new Map<string, { answered: number; unanswered: number }>();
  #lastRedo = 0;

  constructor(ground: RedoingGround, random: () => number) {
    this.#ground = ground;
    this.#random = random;
  }

  /** Webhooks with deliveries that have ended: what there is to put back. */
  async prepare(): Promise<void> {
    this.#replayed = await this.#webhook('/fails/replayed', CAMPAIGN);
    this.#retried = await this.#webhook('/answers/retried', RETRIED_CAMPAIGN);
    this.#paused = await this.#webhook(PAUSED_PATH, PAUSED_CAMPAIGN);
    for (let i = 0; i < EVENTS; i += 1) {
      await this.#event(CAMPAIGN);
      this.#retriedEvents.push(await this.#event(RETRIED_CAMPAIGN));
    }
    await this.#nothingPending();
  }

  end(): void {
    this.#ended = true;
  }

  async run(): Promise<void> {
    while (!this.#ended) {
      const dice = this.#random();
      if (dice < 0.25) await this.#replay();
      else if (dice < 0.35) await this.#backfill();
      else if (dice < 0.7) await this.#retry();
      else if (dice < 0.8) await this.#pauseAWhile();
      else await this.#event(CAMPAIGN);
      await pause(this.#random() * 30);
    }
  }

  /** When nobody is killed any more: everything put back was sent, and nothing more than that. */
  async check(): Promise<void> {
    const redos = await this.#redosAtTheirEnd();
    await this.#nothingPending();
    await this.#checkReplays(redos.filter(({ webhook_id }) => webhook_id === this.#replayed));
    for (const webhook of this.#backfilled) await this.#checkBackfill(webhook, redos);
    await this.#checkRetries();
    await this.#checkPaused();
  }

  async #replay(): Promise<void> {
    const body = { from: '2020-01-01', statuses: ['succeeded', 'exhausted'] };
    const answer = await this.#call('POST', `/webhook/${this.#replayed}/replay`, body);
    this.#count('replays', answer);
    if (answer?.status === 200) this.#lastRedo = Number((answer.json['data'] as Json)['id']);
  }

  /** Of a webhook that comes late; asked for until it is answered, which must not send anything twice. */
  async #backfill(): Promise<void> {
    const id = await this.#webhook(`/answers/backfilled/${this.#backfilled.length}`, CAMPAIGN);
    this.#backfilled.push(id);
    await waitFor('a backfill is answered', async () => {
      const answer = await this.#call('POST', `/webhook/${id}/backfill`, { from: '2020-01-01' });
      this.#count('backfills', answer);
      if (answer?.status !== 200) return false;
      this.#lastRedo = Number((answer.json['data'] as Json)['id']);
      return true;
    });
  }

  async #retry(): Promise<void> {
    const event = this.#retriedEvents[Math.floor(this.#random() * EVENTS)] ?? '';
    const path = `/deliveries/dlv_${event.slice(4)}_${this.#retried}/retry`;
    const answer = await this.#call('POST', path);
    this.#count('retries', answer);
    const noted = this.#retries.get(event) ?? { answered: 0, unanswered: 0 };
    if (answer?.status === 200) noted.answered += 1;
    else if (answer?.status !== 409) noted.unanswered += 1;
    this.#retries.set(event, noted);
  }

  /** What comes meanwhile waits, whoever is killed and starts again. */
  async #pauseAWhile(): Promise<void> {
    const { receiver, quietAfterMs } = this.#ground;
    await this.#surely('POST', `/webhook/${this.#paused}/pause`);
    await pause(quietAfterMs ?? 0);
    const arrived = receiver.at(PAUSED_PATH).length;
    for (let i = 0; i < 3; i += 1) await this.#event(PAUSED_CAMPAIGN);
    this.#eventsForPaused += 3;
    await pause(this.#random() * 300);
    if (quietAfterMs !== null) {
      assert.equal(receiver.at(PAUSED_PATH).length, arrived, 'nothing is sent while it is paused');
    }
    await this.#surely('POST', `/webhook/${this.#paused}/resume`);
    this.#add('pauses', 1);
  }

  async #checkPaused(): Promise<void> {
    const deliveries = await this.#deliveries(this.#paused);
    assert.equal(deliveries.length, this.#eventsForPaused);
    for (const { id } of deliveries) assert.equal(await this.#successes(String(id)), 1, String(id));
  }

  async #checkReplays(replays: readonly Redo[]): Promise<void> {
    const deliveries = await this.#deliveries(this.#replayed);
    let successes = 0;
    for (const { id } of deliveries) successes += await this.#successes(String(id));
    const put = replays.reduce((sum, { done }) => sum + done, 0);
    this.counts['put back by replays'] = put;
    assert.equal(
      successes - deliveries.length,
      put,
      'each put back is sent once more, and no other',
    );
    const alone = replays.filter(
      (one) =>
        !replays.some(
          (other) =>
            other !== one && other.created_at <= one.ended_at && one.created_at <= other.ended_at,
        ),
    );
    for (const { id, count, done } of alone) assert.equal(done, count, `redo ${id}`);
    this.counts['replays beside no other'] = alone.length;
    const most = Math.max(0, ...replays.map(({ count }) => count));
    assert.ok(most >= EVENTS, `the largest replay was of ${most}`);
  }

  async #checkBackfill(webhook: number, redos: readonly Redo[]): Promise<void> {
    const deliveries = await this.#deliveries(webhook);
    const made = redos
      .filter(({ webhook_id }) => webhook_id === webhook)
      .reduce((sum, { done }) => sum + done, 0);
    this.#add('made by backfills', made);
    assert.equal(deliveries.length, (await this.#deliveries(this.#replayed)).length);
    for (const { id } of deliveries) assert.equal(await this.#successes(String(id)), 1, String(id));
  }

  async #checkRetries(): Promise<void> {
    for (const event of this.#retriedEvents) {
      const id = `dlv_${event.slice(4)}_${this.#retried}`;
      const { answered, unanswered } = this.#retries.get(event) ?? { answered: 0, unanswered: 0 };
      const more = (await this.#successes(id)) - 1;
      this.#add('put back by retries', more);
      const bounds = `${more} of ${answered} answered and ${unanswered} not`;
      assert.ok(more >= answered && more <= answered + unanswered, `${id}: ${bounds}`);
    }
  }

  async #successes(deliveryId: string): Promise<number> {
    const { json } = await this.#surely('GET', `/deliveries/${deliveryId}`);
    const { status, attempts } = json['data'] as { status: string; attempts: Json[] };
    assert.equal(status, 'succeeded', deliveryId);
    return attempts.filter(({ outcome }) => outcome === 'delivered').length;
  }

  async #deliveries(webhook: number): Promise<Json[]> {
    const found: Json[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const after: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const path = `/deliveries?webhook_id=${webhook}&limit=100${after}`;
      const { json } = await this.#surely('GET', path);
      found.push(...(json['data'] as Json[]));
      cursor = json['next_cursor'] as string | null;
    }
    return found;
  }

  async #redosAtTheirEnd(): Promise<Redo[]> {
    const found: Redo[] = [];
    for (let id = 1; id <= this.#lastRedo + UNKNOWN_IDS; id += 1) {
      const redo = await waitFor(
        `redo ${id} ends`,
        async () => {
          const { status, json } = await this.#surely('GET', `/redos/${id}`);
          if (status === 404) return 'none';
          const shown = json['data'] as Redo;
          return shown.status !== 'running' && shown;
        },
        DRAIN_MS,
      );
      if (redo === 'none') continue;
      assert.equal(redo.status, 'done');
      found.push(redo);
    }
    return found;
  }

  async #nothingPending(): Promise<void> {
    await waitFor(
      'nothing is pending',
      async () => {
        const { json } = await this.#surely('GET', '/deliveries?status=pending&limit=1');
        return (json['data'] as unknown[]).length === 0;
      },
      DRAIN_MS,
    );
  }

  async #webhook(path: string, campaign: number): Promise<number> {
    const { json } = await this.#surely('POST', '/webhook/create', {
      webhook_url: this.#ground.receiver.url + path,
      association_type: 3,
      email_campaign_id: campaign,
    });
    return Number(json['id']);
  }

  /** Put in until a 202 comes. */
  async #event(campaign: number): Promise<string> {
    this.#events += 1;
    const event = {
      event_id: `redoing-${this.#events}`,
      event_type: 'SENT',
      campaign_id: campaign,
      lead_email: 'a@example.com',
    };
    const { json } = await this.#surely('POST', '/events', event);
    return (json['events'] as [{ id: string }])[0].id;
  }

  /** Again until it is answered, by a server that is there. */
  #surely(method: string, path: string, body?: Json): Promise<{ status: number; json: Json }> {
    return waitFor(
      `${method} ${path} is answered`,
      async () => {
        const answer = await this.#call(method, path, body);
        return answer && answer.status !== 503 && answer;
      },
      DRAIN_MS,
    );
  }

  async #call(
    method: string,
    path: string,
    body?: Json,
  ): Promise<{ status: number; json: Json } | undefined> {
    const servers = this.#ground.servers();
    const server = servers[Math.floor(this.#random() * servers.length)];
    try {
      const response = await fetch(`${server?.url}/api/v1${path}`, {
        method,
        signal: AbortSignal.timeout(ANSWER_MS),
        headers: { 'x-api-key': API_KEY, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      });
      return { status: response.status, json: (await response.json()) as Json };
    } catch {
      return undefined;
    }
  }

  #count(what: string, answer: { status: number } | undefined): void {
    this.#add(answer === undefined ? `${what} without an answer` : `${what} ${answer.status}`, 1);
  }

  #add(what: string, more: number): void {
    this.counts[what] = (this.counts[what] ?? 0) + more;
  }
}
