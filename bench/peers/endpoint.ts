import { Pool } from 'undici';
import type { Event } from './job-queue.ts';

/** As many as the bare relay has. */
const CONNECTIONS = 64;
const HEADERS = { 'content-type': 'application/json' };

/** Posts as the bare relay does: undici's own call (fetch is several times slower), kept connections. */
export function delivering(origin: string): (event: Event) => Promise<void> {
  const endpoint = new Pool(origin, { connections: CONNECTIONS, pipelining: 1 });
  return async (event) => {
    const answer = await endpoint.request({
      path: '/',
      method: 'POST',
      headers: HEADERS,
      body: JSON.stringify(event),
    });
    await answer.body.dump();
    if (answer.statusCode !== 200) throw new Error(`The endpoint answered ${answer.statusCode}`);
  };
}
