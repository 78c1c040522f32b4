import fastify from 'fastify';
import type { Event } from './job-queue.ts';

/**
 * Takes events: 202 when the event is stored. No log, no hook, no schema: nothing that would cost
 * these stacks time.
 * @returns where it listens
 */
export async function listen(store: (event: Event) => Promise<unknown>): Promise<string> {
  const app = fastify({ logger: false });
  app.post<{ Body: Event }>('/', async (request, reply) => {
    await store(request.body);
    return reply.code(202).send();
  });
  return await app.listen({ host: '127.0.0.1', port: 0 });
}
