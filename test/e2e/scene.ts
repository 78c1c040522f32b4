import assert from 'node:assert/strict';
import type { PosthornProcess } from './posthorn-process.ts';
import { waitFor } from './wait-for.ts';

type Json = Record<string, unknown>;

/** A server, or a node of several. */
export type Called = Pick<PosthornProcess, 'call'>;

export async function createWebhook(
  server: Called,
  url: string,
  more: Json = {},
): Promise<{ id: number; secret: string }> {
  const { status, json } = await server.call('POST', '/api/v1/webhook/create', {
    webhook_url: url,
    association_type: 1,
    ...more,
  });
  assert.equal(status, 200, JSON.stringify(json));
  return { id: Number(json['id']), secret: String(json['secret']) };
}

/** Puts one event in; its id. */
export async function putIn(server: Called, more: Json = {}): Promise<string> {
  const { status, json } = await server.call('POST', '/api/v1/events', {
    event_type: 'SENT',
    campaign_id: 1,
    lead_email: 'a@example.com',
    ...more,
  });
  assert.equal(status, 202, JSON.stringify(json));
  const [event] = json['events'] as [{ id: string }];
  return event.id;
}

export async function delivery(server: Called, eventId: string, webhookId: number): Promise<Json> {
  const path = `/api/v1/deliveries/dlv_${eventId.slice(4)}_${webhookId}`;
  return (await server.call('GET', path)).json['data'] as Json;
}

export function inStatus(
  server: Called,
  eventId: string,
  webhookId: number,
  status: string,
): Promise<Json> {
  return waitFor(`delivery ${status}`, async () => {
    const found = await delivery(server, eventId, webhookId);
    return found['status'] === status && found;
  });
}

export function attemptsOf(found: Json): Json[] {
  return found['attempts'] as Json[];
}

/** The most of these times, in milliseconds, that lie in one second. */
export function mostInASecond(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  let first = 0;
  return sorted.reduce((most, at, i) => {
    while (at - (sorted[first] ?? at) >= 1_000) first += 1;
    return Math.max(most, i - first + 1);
  }, 0);
}
