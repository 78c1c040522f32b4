import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { temporaryDirectory } from './ground.ts';
import { API_KEY, PosthornProcess } from './posthorn-process.ts';
import { answer, Receiver, type Received } from './receiver.ts';
import { createWebhook } from './scene.ts';
import { waitFor } from './wait-for.ts';

const LEADS = 10;
const EVENTS_OF_A_LEAD = 30;
const KILLS = 3;
const ENV = { LOG_LEVEL: 'error' };

function numberOf({ body }: Received): number {
  return (JSON.parse(body) as { number: number }).number;
}

function leadOf({ body }: Received): string {
  return (JSON.parse(body) as { lead_email: string }).lead_email;
}

describe("each lead's events in order", () => {
  it('stay so through kills, with a receiver that fails at random', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, Math.random() < 0.2 ? 500 : 200),
    );
    const start = (): Promise<PosthornProcess> =>
      PosthornProcess.start({ directory: directory.path, env: ENV });
    const ending = new AbortController();
    let server = await start();
    try {
      const retrySchedule = Array<string>(30).fill('20ms');
      const policy = { ordering: 'lead', retry_schedule: retrySchedule };
      await createWebhook(server, receiver.url, policy);
      let put = 0;
      const client = async (_: unknown, lead: number): Promise<void> => {
        for (let number = 0; number < EVENTS_OF_A_LEAD; number += 1) {
          await waitFor(
            'it is taken',
            () => isTaken(server.url, `lead-${lead}@x`, number, ending),
            60_000,
          );
          put += 1;
        }
      };
      const clients = Promise.all(Array.from({ length: LEADS }, client));
      for (let kill = 1; kill <= KILLS; kill += 1) {
        const all = LEADS * EVENTS_OF_A_LEAD;
        await waitFor('some are in', () => put > (all * kill) / (KILLS + 2), 60_000);
        await server.end('SIGKILL');
        server = await start();
      }
      await clients;
      await waitFor('nothing is pending', async () => {
        const { json } = await server.call('GET', '/api/v1/deliveries?status=pending&limit=1');
        return (json['data'] as unknown[]).length === 0;
      });
      const byLead = Map.groupBy(receiver.received, leadOf);
      assert.equal(byLead.size, LEADS);
      for (const [lead, received] of byLead) {
        const numbers = received.map(numberOf);
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
          lead,
        );
        const succeeded = received.filter(({ status }) => status === 200).map(numberOf);
        assert.equal(new Set(succeeded).size, EVENTS_OF_A_LEAD, lead);
      }
    } finally {
      ending.abort();
      await server.end('SIGKILL');
    }
  });
});

/** Whether a 202 has come; no answer from a server that is being killed is none. */
async function isTaken(
  url: string,
  lead: string,
  number: number,
  ending: AbortController,
): Promise<boolean> {
  ending.signal.throwIfAborted();
  try {
    const response = await fetch(`${url}/api/v1/events`, {
      method: 'POST',
      signal: AbortSignal.any([ending.signal, AbortSignal.timeout(10_000)]),
      headers: { 'x-api-key': API_KEY, 'content-type': 'application/json' },
      body: JSON.stringify({
        event_id: `${lead} ${number}`,
        event_type: 'REPLIED',
        campaign_id: 1,
        lead_email: lead,
        number,
      }),
    });
    await response.arrayBuffer();
    return response.status === 202;
  } catch {
    return false;
  }
}
