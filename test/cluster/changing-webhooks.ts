import assert from 'node:assert/strict';
import { EVENT_TYPES, KINDS, pause, type Registered } from '../e2e/crash-scene.ts';
import { API_KEY } from '../e2e/posthorn-process.ts';
import { ANSWER_MS, ClusterClient, type NodeAddress, type SentEvent } from './cluster-client.ts';

/** Each webhook is about a campaign of its own, with numbers from here on. */
const FIRST_CAMPAIGN = 1_000;
const LONGEST_PAUSE_MS = 250;

/** A webhook that was made, changed or deleted while nodes fell, and what it had to match meanwhile. */
export interface Changing extends Registered {
  /** A call to delete it was made: what is pending by then may be canceled. */
  deleted: boolean;
}

/**
 * Creates, changes and deletes webhooks, each at one node, and puts an event in at another one as soon
 * as the call was answered. Nobody else puts events in for these campaigns, so the answer's number of
 * deliveries is known. A call that is not answered with 200 may take effect at any later time (a frozen
 * node does it when it goes on): the webhook is let be then, and its campaign has no more events.
 */
export class ChangingWebhooks {
  readonly webhooks: Changing[] = [];
  readonly client: ClusterClient;
  /** Calls answered with 200, by kind; `given up` counts those that were not. */
  readonly counts: Record<string, number> = {};
  /** Events put in right after a call that had an effect on what they match. */
  matched = 0;
  #ended = false;
  readonly #target: string;
  readonly #others: number;
  readonly #random: () => number;
  readonly #nodes: () => readonly NodeAddress[];

  /**
   * @param target the receivers' base URL
   * @param others how many webhooks match every event beside
   */
  constructor(
    target: string,
    others: number,
    random: () => number,
    nodes: () => readonly NodeAddress[],
  ) {
    this.#target = target;
    this.#others = others;
    this.#random = random;
    this.#nodes = nodes;
    this.client = new ClusterClient('changing', random, nodes);
  }

  end(): void {
    this.#ended = true;
  }

  async run(): Promise<void> {
    for (let campaign = FIRST_CAMPAIGN; !this.#ended; campaign += 1) {
      await this.#life(campaign);
      await pause(this.#random() * LONGEST_PAUSE_MS);
    }
  }

  async #life(campaign: number): Promise<void> {
    const [first, second] = this.#random() < 0.5 ? EVENT_TYPES : EVENT_TYPES.toReversed();
    assert.ok(first && second);
    const path = `/${this.#one(KINDS)}/changing/${campaign}`;
    const created = await this.#call('create', 'POST', 'create', {
      webhook_url: this.#target + path,
      association_type: 3,
      email_campaign_id: campaign,
      event_type_map: { [first]: true },
    });
    if (!created) return;
    const keys = new Set<string>();
    const id = Number(created.json['id']);
    const secret = String(created.json['secret']);
    const wants = ({ key }: { key: string }): boolean => keys.has(key);
    const webhook: Changing = { id, path, secret, deleted: false, wants };
    this.webhooks.push(webhook);
    const event = async (type: string, notAt: string, wanted: boolean): Promise<void> => {
      const key = `changing-${campaign}-${keys.size}-${type}-${String(wanted)}-${this.matched}`;
      if (wanted) keys.add(key);
      const sent = await this.client.putIn({ key, campaign, type }, notAt);
      this.matched += 1;
      this.#matches(sent, wanted);
    };
    await event(first, created.at, true);
    await event(second, created.at, false);
    if (this.#random() < 0.7) {
      const map = { event_type_map: { [second]: true } };
      const updated = await this.#call('update', 'PUT', `update/${id}`, map);
      if (!updated) return;
      await event(second, updated.at, true);
      await event(first, updated.at, false);
    }
    if (this.#random() < 0.3) return;
    webhook.deleted = true;
    const deleted = await this.#call('delete', 'DELETE', `delete/${id}`);
    if (!deleted) return;
    for (const type of EVENT_TYPES) await event(type, deleted.at, false);
  }

  #matches({ key, deliveries }: SentEvent, wanted: boolean): void {
    const expected = this.#others + (wanted ? 1 : 0);
    assert.equal(deliveries, expected, `${key} matched ${deliveries}, not ${expected}`);
  }

  async #call(
    what: string,
    method: string,
    path: string,
    body?: Record<string, unknown>,
  ): Promise<{ at: string; json: Record<string, unknown> } | undefined> {
    const { name, url } = this.#one(this.#nodes());
    try {
      const response = await fetch(`${url}/api/v1/webhook/${path}`, {
        method,
        signal: AbortSignal.timeout(ANSWER_MS),
        headers: { 'x-api-key': API_KEY, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      });
      const json = (await response.json()) as Record<string, unknown>;
      if (response.status === 200) {
        this.#count(what);
        return { at: name, json };
      }
      assert.equal(response.status, 503, JSON.stringify(json));
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
    }
    this.#count('given up');
    return undefined;
  }

  #one<Item>(of: readonly Item[]): Item {
    return of[Math.floor(this.#random() * of.length)] as Item;
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}
