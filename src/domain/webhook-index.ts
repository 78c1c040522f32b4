import type { Matchable } from './match.ts';
import {
  CAMPAIGN_LEVEL,
  CLIENT_LEVEL,
  subscribedEventTypes,
  USER_LEVEL,
  wantedCategories,
  type Webhook,
} from './webhook.ts';

const ANY_CATEGORY = '*';

/**
 * An account's webhooks, found by association, target, event type and category without a scan:
 * at most six look-ups an event, whatever the number of webhooks.
 */
export class WebhookIndex {
  readonly #byId = new Map<number, Webhook>();
  readonly #byKey = new Map<string, Map<number, Webhook>>();

  get(id: number): Webhook | undefined {
    return this.#byId.get(id);
  }

  /** Takes a webhook in, in place of what it was before. A deleted one is forgotten; a disabled one matches nothing. */
  put(webhook: Webhook): void {
    const before = this.#byId.get(webhook.id);
    if (before) this.#forget(before);
    if (webhook.status === 'deleted') return;
    this.#byId.set(webhook.id, webhook);
    if (webhook.status === 'disabled') return;
    for (const key of keysOf(webhook)) {
      const known = this.#byKey.get(key);
      if (known) known.set(webhook.id, webhook);
      else this.#byKey.set(key, new Map([[webhook.id, webhook]]));
    }
  }

  match(event: Matchable): Webhook[] {
    const found: Webhook[] = [];
    this.#collect(USER_LEVEL, null, event, found);
    if (event.clientId !== null) this.#collect(CLIENT_LEVEL, event.clientId, event, found);
    this.#collect(CAMPAIGN_LEVEL, event.campaignId, event, found);
    const { aboutWebhookId: about } = event;
    return about === undefined ? found : found.filter(({ id }) => id !== about);
  }

  #collect(association: number, target: number | null, event: Matchable, found: Webhook[]): void {
    const scope = `${association}/${target}/${event.type}/`;
    this.#add(scope + ANY_CATEGORY, found);
    if (event.categoryId !== null) this.#add(scope + event.categoryId, found);
  }

  /** One by one: spread into a call, more than about 120,000 are too many arguments. */
  #add(key: string, found: Webhook[]): void {
    const known = this.#byKey.get(key);
    if (known) for (const webhook of known.values()) found.push(webhook);
  }

  #forget(webhook: Webhook): void {
    this.#byId.delete(webhook.id);
    for (const key of keysOf(webhook)) {
      const known = this.#byKey.get(key);
      known?.delete(webhook.id);
      if (known?.size === 0) this.#byKey.delete(key);
    }
  }
}

function* keysOf(webhook: Webhook): Iterable<string> {
  const categories = wantedCategories(webhook) ?? [ANY_CATEGORY];
  for (const type of subscribedEventTypes(webhook)) {
    for (const category of categories) {
      yield `${webhook.association}/${webhook.targetId}/${type}/${category}`;
    }
  }
}
